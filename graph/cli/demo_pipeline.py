"""A shop's pipeline: Parquet files into DuckDB, from bronze over silver to gold.

Run it for a day: python pipeline.py 2026-01-01
"""

import random
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from openlineage.client.facet_v2 import dataset_type_dataset

from lineage import Dataset, configure, current_run, track_lineage, track_run

LAKE = Path("lake").absolute()
WAREHOUSE = Path("shop.duckdb").absolute()
DASHBOARD = Dataset("https://dashboards.shop.example", "revenue")

configure(provenance="full", parameters_allowed=["day"])


def table(name: str) -> Dataset:
    """Name a table of the warehouse."""
    return Dataset(f"duckdb://{WAREHOUSE}", f"shop.{name}")


def execute(sql: str, *, reads: list[str], writes: str) -> None:
    """Run a statement in the warehouse, and tell the current run about it and the versions of its tables."""
    run = current_run()
    run.sql(sql, dialect="duckdb", namespace=f"duckdb://{WAREHOUSE}", database="shop")
    with duckdb.connect(str(WAREHOUSE)) as warehouse:
        for name in reads:
            run.input(table(name), content=warehouse.table(name).to_arrow_table())
        warehouse.execute(sql)
        run.output(table(writes), content=warehouse.table(writes).to_arrow_table())


@track_lineage
def land_orders(day: str) -> None:
    """Bronze: the day's orders, as the shop system exports them."""
    shop = random.Random(day)
    current_run().seed("shop", day)
    orders = [
        {
            "order_id": f"{day}-{number}",
            "customer_id": shop.randrange(1, 9),
            "amount": f"{shop.randrange(500, 9000) / 100}",
            "status": shop.choice(["paid", "paid", "paid", "cancelled"]),
            "ordered_on": day,
        }
        for number in range(200)
    ]
    if day == "2026-01-02":
        orders[17]["amount"] = "twelve euros"  # the bad input of this story
    landed = pa.Table.from_pylist(orders)
    file = LAKE / "bronze" / "orders" / f"{day}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(landed, file)
    schema = [(column.name, str(column.type)) for column in landed.schema]
    current_run().output(file, schema=schema, row_count=landed.num_rows)


@track_lineage
def clean_orders(day: str) -> None:
    """Silver: typed orders, without the cancelled ones."""
    file = LAKE / "bronze" / "orders" / f"{day}.parquet"
    current_run().input(file)
    sql = f"""
        INSERT INTO silver.orders (order_id, customer_id, amount, ordered_on)
        SELECT order_id, customer_id, CAST(amount AS DECIMAL(10, 2)), CAST(ordered_on AS DATE)
        FROM read_parquet('{file}')
        WHERE status <> 'cancelled'
    """
    execute(sql, reads=[], writes="silver.orders")


@track_lineage
def add_up_revenue() -> None:
    """Gold: revenue by day and country."""
    sql = """
        CREATE OR REPLACE TABLE gold.daily_revenue AS
        SELECT o.ordered_on AS day, c.country, SUM(o.amount) AS revenue, COUNT(*) AS orders
        FROM silver.orders AS o JOIN silver.customers AS c ON c.customer_id = o.customer_id
        GROUP BY o.ordered_on, c.country
    """
    execute(sql, reads=["silver.orders", "silver.customers"], writes="gold.daily_revenue")


@track_lineage
def rank_customers() -> None:
    """Gold: what each customer spent."""
    sql = """
        CREATE OR REPLACE TABLE gold.top_customers AS
        SELECT c.name, SUM(o.amount) AS spent
        FROM silver.orders AS o JOIN silver.customers AS c ON c.customer_id = o.customer_id
        GROUP BY c.name ORDER BY spent DESC LIMIT 5
    """
    execute(sql, reads=["silver.orders", "silver.customers"], writes="gold.top_customers")


def refresh_dashboard() -> None:
    """Show the revenue to people."""
    with duckdb.connect(str(WAREHOUSE)) as warehouse:
        shown = warehouse.table("gold.daily_revenue").to_arrow_table()
    with track_run("pipeline.refresh_dashboard") as run:
        run.input(table("gold.daily_revenue"), content=shown)
        run.output(DASHBOARD, content=shown)
        run.dataset_facet(DASHBOARD, "datasetType", dataset_type_dataset.DatasetTypeDatasetFacet("DASHBOARD"))


@track_lineage
def run_day(day: str) -> None:
    """Run the whole pipeline for a day; a step that fails ends the day."""
    land_orders(day)
    clean_orders(day)
    add_up_revenue()
    rank_customers()
    refresh_dashboard()


def set_up_warehouse() -> None:
    """Make the warehouse's schemas and its few customers."""
    people = ["Ada", "Brook", "Chen", "Dario", "Edda", "Femi", "Goran", "Hana"]
    with duckdb.connect(str(WAREHOUSE)) as warehouse:
        warehouse.execute("CREATE SCHEMA IF NOT EXISTS silver; CREATE SCHEMA IF NOT EXISTS gold")
        warehouse.execute(
            "CREATE OR REPLACE TABLE silver.customers (customer_id INT, name TEXT, country TEXT)"
        )
        rows = [(number, name, "NO" if number % 3 else "SE") for number, name in enumerate(people, 1)]
        warehouse.executemany("INSERT INTO silver.customers VALUES (?, ?, ?)", rows)
        warehouse.execute(
            "CREATE TABLE IF NOT EXISTS silver.orders"
            " (order_id TEXT, customer_id INT, amount DECIMAL(10, 2), ordered_on DATE)"
        )


if __name__ == "__main__":
    set_up_warehouse()
    run_day(sys.argv[1])
