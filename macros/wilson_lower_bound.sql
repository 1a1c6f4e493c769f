{#- The lower end of Wilson's 95 % interval of a share: small where there is little evidence, near the share where there is
    much. Null where nothing was counted. -#}
{% macro wilson_lower_bound(n_successes, n_trials) -%}
    case
        -- exactly: the difference of roots below is only nearly 0
        when {{ n_trials }} > 0 and {{ n_successes }} = 0 then 0.0
        when {{ n_trials }} > 0
            then greatest(
                0.0,
                (
                    {{ n_successes }} + 1.9208
                    - 1.96 * sqrt(
                        {{ n_successes }} * cast({{ n_trials }} - {{ n_successes }} as double)
                        / {{ n_trials }} + 0.9604
                    )
                ) / ({{ n_trials }} + 3.8416)
            )
    end
{%- endmacro %}
