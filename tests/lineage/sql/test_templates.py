"""Templates are told to be compiled, and their tables are told where the text alone shows them."""

from __future__ import annotations

import pytest
from yardstick import costs_less_than

from lineage.sql import extract
from lineage.sql.templates import rendered

MODEL = """
{{ config(materialized='incremental', unique_key="id") }}
{#- tables of comments, {{ ref('commented') }}, do not count -#}
{% set statuses = ['new', 'paid'] %}
{%- macro unused() %} SELECT * FROM {{ ref('in_macro') }} {% endmacro %}

WITH orders AS (SELECT * FROM {{ ref("stg_orders") }}),
payments AS (SELECT * FROM {{ source('stripe', 'Payments') }} WHERE ds > '{{ var("start") }}')
SELECT o.id, {{ dbt_utils.generate_surrogate_key(['o.id']) }} AS key,
    {% for status in statuses %}
    sum(CASE WHEN p.status = '{{ status }}' THEN p.amount END) AS amount_{{ status }}
    {% if not loop.last %},{% endif %}
    {% endfor %}
FROM orders o
LEFT JOIN payments p ON o.id = p.order_id
JOIN {{ ref('shop', 'customers') }} USING (customer_id)
{% if is_incremental() %}
WHERE o.at > (SELECT max(at) FROM {{ this }})
{% else %}
WHERE o.at > (SELECT min(at) FROM {{ ref('not_this_time') }})
{% endif %}
"""


def test_a_dbt_model_has_the_tables_it_refers_to() -> None:
    result = extract(MODEL, dialect="postgres", apart=True)
    assert [table.name for table in result.inputs] == ["stg_orders", "stripe.Payments", "customers"]
    assert result.outputs == ()
    assert result.columns == ()
    assert not result.statements[0].certain
    assert len(result.problems) == 1
    assert "give the compiled SQL" in result.problems[0]


def test_in_a_program_that_is_not_ours_it_is_only_told_to_be_compiled() -> None:
    result = extract(MODEL)
    assert (result.inputs, result.statements) == ((), ())
    assert "give the compiled SQL" in result.problems[0]


@pytest.mark.parametrize(
    "template",
    [
        "{% for t in tables %} {{ load(t) }}; {% endfor %}",
        "{{ run_query() }}",
        "SELECT {{ columns }} FROM {{ table }} WHERE ((",
        "{% raw %}",
        "{{",
        "{%",
        "{{ ref() }}",
        "SELECT 1 FROM {{ ref('') }}",
    ],
)
def test_a_template_that_tells_no_table_is_told_to_be_compiled(template: str) -> None:
    result = extract(template, apart=True, confirm=True)
    assert (result.inputs, result.outputs) == ((), ())
    assert result.problems == extract(template).problems


@pytest.mark.parametrize(
    ("template", "sql"),
    [
        ("FROM {{ ref('a') }}", "FROM a"),
        ('FROM {{- ref("a", v=2) -}}', "FROM a"),
        ("FROM {{ ref('a', version='2') }}", "FROM a"),
        ("FROM {{ ref('project', 'a') }}", "FROM a"),
        ("FROM {{ source('raw', 'a') }}", "FROM raw.a"),
        ("FROM {{ source('raw', 'a b') }}", 'FROM raw."a b"'),
        ("{% if x %}FROM a{% elif y %}FROM b{% else %}FROM c{% endif %}", "FROM a"),
        ("{% set x %}FROM b{% endset %}FROM a", "FROM a"),
        ("{% set x = 1 %}FROM a", "FROM a"),
    ],
)
def test_a_template_is_read_as_dbt_would_name_its_tables(template: str, sql: str) -> None:
    assert " ".join(rendered(template).split()) == sql


@pytest.mark.parametrize(
    "text", ["{{ ", "{% ", "{# ", "{% set x %}", "{% else %}", "{% macro ", "{{ ref('", "}} "]
)
def test_reading_a_template_is_linear(text: str) -> None:
    assert costs_less_than(20, lambda: rendered(text * (200_000 // len(text))))
