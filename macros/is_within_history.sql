{#- Whether a UTC timestamp can be when something happened: not before 2024, when there was no OpenCode, nor after every
    model's "now". A clock that was wrong, or seconds taken for milliseconds, must not move a window or an axis. Null for
    null. What is outside stays in its table and in totals, and the check `times_within_history` names it.
    Not for incremental models: their rows outlive a "now". -#}
{% macro is_within_history(timestamp) -%}
    ({{ timestamp }} >= cast('{{ first_day_of_history() }}' as timestamp) and {{ timestamp }} <= {{ as_of_timestamp() }})
{%- endmacro %}

{#- The same of a day in the reporting time zone. -#}
{% macro is_day_within_history(day) -%}
    ({{ day }} >= cast('{{ first_day_of_history() }}' as date) and {{ day }} <= {{ local_date(as_of_timestamp()) }})
{%- endmacro %}

{#- A UTC timestamp where it can be when something happened, else null: for `min` and `max`. -#}
{% macro within_history(timestamp) -%}
    case when {{ is_within_history(timestamp) }} then {{ timestamp }} end
{%- endmacro %}

{#- Before it there was no OpenCode. -#}
{% macro first_day_of_history() -%}
    2024-01-01
{%- endmacro %}
