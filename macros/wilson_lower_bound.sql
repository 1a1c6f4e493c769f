{#- The lower end of Wilson's 95 % interval of a share: small where there is little evidence, near the share where there is
    much. Null where nothing was counted. -#}
{% macro wilson_lower_bound(n_successes, n_trials) -%}
    (
        ({{ n_successes }} + 1.9207) / nullif({{ n_trials }}, 0)
        - 1.96 * sqrt(
            {{ n_successes }} * cast({{ n_trials }} - {{ n_successes }} as double) / nullif({{ n_trials }}, 0) + 0.9604
        ) / nullif({{ n_trials }}, 0)
    ) / (1 + 3.8416 / nullif({{ n_trials }}, 0))
{%- endmacro %}
