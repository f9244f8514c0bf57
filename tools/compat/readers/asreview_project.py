"""ASReview 3: our CSV uploaded to its own server, two records labelled and one label changed there, the data set exported again."""

import csv
import io
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _screened(folder):
    with tempfile.TemporaryDirectory() as work:
        os.environ["ASREVIEW_PATH"] = work
        from asreview.webapp.app import create_app

        client = create_app(testing=True, authentication=False, secret_key="x", ).test_client()
        with (folder / "asreview.csv").open("rb") as stream:
            made = client.post("/api/projects/create", data={"mode": "oracle", "file": (stream, "asreview.csv")})
        if made.status_code != 201:
            raise RuntimeError(made.get_data(as_text=True)[:200])
        address = f"/api/projects/{made.get_json()['id']}"
        # record 0 came included, 1 excluded, 2 and 3 undecided
        for record, label, verb in ((2, 1, client.post), (3, 0, client.post), (1, 1, client.put)):
            done = verb(f"{address}/record/{record}", data={"record_id": record, "label": label})
            if done.status_code != 200:
                raise RuntimeError(done.get_data(as_text=True)[:200])
        asked = "collections=relevant&collections=irrelevant&collections=not_seen&format=csv"
        text = client.get(f"{address}/export_dataset?{asked}").get_data(as_text=True)
    rows = {row["neorlt_id"]: row for row in csv.DictReader(io.StringIO(text))}
    return {"labels": {key: row.get("asreview_label") for key, row in rows.items()},
            "included_column": {key: row.get("included") for key, row in rows.items()}, "csv": text}  # fmt: skip


probe.main({"asreview csv": _screened})
