"""The four kinds of operation, and what can be said of each."""

from __future__ import annotations

from typing import Any

from lineage.operations.operation import Operation


class DBTracker(Operation):
    """An operation on a database or warehouse."""

    kind = "database"
    table: str | None = None
    schema: str | None = None

    @property
    def target(self) -> str | None:
        """The table, with its schema where that is known."""
        return f"{self.schema}.{self.table}" if self.schema and self.table else self.table

    def set_result(
        self,
        rows_returned: int | None = None,
        rows_affected: int | None = None,
        bytes_read: int | None = None,
        bytes_written: int | None = None,
    ) -> None:
        """Say what came of it; None leaves what was said before."""
        self.set(
            rows_returned=rows_returned,
            rows_affected=rows_affected,
            bytes_read=bytes_read,
            bytes_written=bytes_written,
        )

    def set_table(self, name: str, schema: str | None = None) -> None:
        """Say which table or collection it is about."""
        self._name("table", name)
        self._name("schema", schema)

    def set_bytes_scanned(self, bytes_scanned: int | None) -> None:
        """Say what a pay-per-query warehouse charges for: other than `bytes_read`, and never added to it."""
        self.set(bytes_scanned=bytes_scanned)

    def set_partitions_scanned(self, partitions: int | None) -> None:
        """Say how many partitions the warehouse went through."""
        self.set(partitions_scanned=partitions)


class StorageTracker(Operation):
    """An operation on an object store."""

    kind = "storage"
    bucket: str | None = None
    key: str | None = None
    account: str | None = None

    @property
    def target(self) -> str | None:
        """The bucket: keys are too many to be counted apart."""
        return self.bucket

    def set_result(
        self,
        objects_count: int | None = None,
        bytes_read: int | None = None,
        bytes_written: int | None = None,
    ) -> None:
        """Say what came of it; None leaves what was said before."""
        self.set(objects=objects_count, bytes_read=bytes_read, bytes_written=bytes_written)

    def set_bucket(self, name: str, account: str | None = None) -> None:
        """Say which bucket, or which container of an Azure storage account."""
        self._name("bucket", name)
        self._name("account", account)

    def set_key(self, key: str) -> None:
        """Say which object, or which prefix of objects that are one dataset: it names the run's dataset."""
        self._name("key", key)


class MessagingTracker(Operation):
    """An operation on messages."""

    kind = "messaging"
    destination: str | None = None

    @property
    def target(self) -> str | None:
        """The topic, queue, stream or subject."""
        return self.destination

    def set_result(self, message_count: int | None = None, bytes_transferred: int | None = None) -> None:
        """Say what came of it; None leaves what was said before."""
        self.set(messages=message_count, bytes_transferred=bytes_transferred)

    def set_destination(self, name: str) -> None:
        """Say which topic, queue, stream or subject; an ARN, a URI and a queue's URL name its place, too."""
        self._name("destination", name)


class LLMTracker(Operation):
    """A call of a language model."""

    kind = "llm"
    model: str | None = None

    @property
    def target(self) -> str | None:
        """The model."""
        return self.model

    def set_tokens(self, input_tokens: int | None = None, output_tokens: int | None = None) -> None:
        """Say how many tokens went in and came out; None leaves what was said before."""
        self.set(input_tokens=input_tokens, output_tokens=output_tokens)

    def set_model(self, name: Any) -> None:
        """Say which model answered, where it is another than the one asked for."""
        self._name("model", name)
