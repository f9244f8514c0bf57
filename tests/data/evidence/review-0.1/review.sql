BEGIN TRANSACTION;
CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
  payload TEXT NOT NULL, why TEXT NOT NULL, hash TEXT NOT NULL);
INSERT INTO "event" VALUES(1,'2026-11-28T22:45:46+00:00','neorlt','created','review','{"name": "neoadjuvant-rlt-pannet", "protocol": "# Protocol of a living review. Change it in the open: every search keeps the query that it ran.\nname = \"neoadjuvant-rlt-pannet\"\nquestion = \"What does radioligand therapy before surgery do in pancreatic neuroendocrine tumours?\"\nlanguage = [\"eng\"]\ndate_from = \"1900-01-01\"\ndate_to = \"2022-04-30\"\nreviewers = [\"first\", \"second\"]\n\n[query]\n# The review prints its words without brackets, so AND and OR can be read in two ways: both are run and compared.\nprinted = ''\"neoadjuvant\" OR \"preoperative\" AND \"radioligand therapy\" OR \"Peptide Receptor Radionuclide Therapy\"''\nclinicaltrials = ''neoadjuvant AND (PRRT OR \"radioligand therapy\" OR \"peptide receptor radionuclide therapy\")''\n\n[rules]\ninclude = [\"original article or case report\", \"radioligand therapy given before surgery\", \"pancreatic neuroendocrine tumour\"]\nexclude = [\"editorial\", \"letter\", \"conference abstract\", \"no radioligand therapy\", \"radioligand therapy not before surgery\",\n           \"no pancreatic tumour\", \"retracted\"]\n\n[form]\nfields = [\"n_total\", \"n_pannet\", \"n_operated\", \"n_r0\", \"isotopes\", \"peptide\", \"cycles\", \"activity_per_cycle_gbq\",\n          \"cumulative_activity_gbq\", \"concomitant_chemo\", \"response\", \"primary_size_mm\", \"vessel_involvement\",\n          \"grade_change\", \"liver_metastases\", \"toxicity\", \"surgery\", \"survival\"]\n\n[screening]\nstop_after_irrelevant = 50\n"}','','42c556c2168a46f4789cc63efb72eb1b9ca5b6e9550adb9693d5e745c6a66a3a');
INSERT INTO "event" VALUES(2,'2026-11-28T22:45:46+00:00','neorlt','import','review','{"new": 3, "read": 3, "run": 0, "source": "embase"}','','d2478fb5d6cf3e0c173f0c13aff5fd70a0cef94bdb40d36b9c191a2b69075a83');
INSERT INTO "event" VALUES(3,'2026-11-28T22:45:46+00:00','neorlt','import','review','{"new": 1, "read": 1, "run": 0, "source": "csv"}','','e16d3ac6071906d4ce0fcb583beba5abaaa6a36537da9aacc9863297c2fcc244');
INSERT INTO "event" VALUES(4,'2026-11-28T22:45:46+00:00','first','screen','doi:10.5555/alpha.1','{"stage": "title", "verdict": "include"}','fits','c12caeb391b1377130e766f7f44124d9ebb1b84fdfc2d3104c0fa30d871d35b7');
INSERT INTO "event" VALUES(5,'2026-11-28T22:45:47+00:00','second','screen','doi:10.5555/alpha.1','{"stage": "title", "verdict": "include"}','fits','b9a7fc859c91b87cb2b6bd6206fa2e7e545f51e3d3b3d42245194d5c6a062d6d');
INSERT INTO "event" VALUES(6,'2026-11-28T22:45:47+00:00','first','screen','doi:10.5555/beta.2','{"stage": "title", "verdict": "include"}','fits','ed447c08b319d2b15ae9f007c6c85e7ecd66e00cce7fcf8a38d78a40b4319e9c');
INSERT INTO "event" VALUES(7,'2026-11-28T22:45:47+00:00','second','screen','doi:10.5555/beta.2','{"stage": "title", "verdict": "exclude"}','letter','b6497cc6f8029b1b6e2f13c9fb44b74a9ce8cb3b1acc4902b64d1303824a60ec');
INSERT INTO "event" VALUES(8,'2026-11-28T22:45:47+00:00','first','resolve','doi:10.5555/beta.2','{"stage": "title", "verdict": "include"}','an original article after all','8eefce8f6e4a7c6191db5a09e3f3f850e2dd9872c99c48c7e69ecf8dcfde36aa');
INSERT INTO "event" VALUES(9,'2026-11-28T22:45:47+00:00','first','screen','print:a6b1769388c8e571','{"stage": "title", "verdict": "exclude"}','no radioligand therapy','29d2e558fef74cea5d3fa937795fc9aa7c22f06a9b8e8f0928be9875b1223960');
INSERT INTO "event" VALUES(10,'2026-11-28T22:45:47+00:00','first','duplicate','print:a3cfc6e89dd1020a','{"of": "print:a6b1769388c8e571"}','one report','3cae457a61c70d0903b6381be0c482394ecddda06fc2715ac01767fb46243df0');
INSERT INTO "event" VALUES(11,'2026-11-28T22:45:47+00:00','first','extract','doi:10.5555/alpha.1','{"field": "n_total", "how": "fulltext", "value": 12, "where": "table 1"}','','c91be025da717eb291331a9d8c056a7c1af0f5a6f7f24e43e472459dcce0c6e7');
INSERT INTO "event" VALUES(12,'2026-11-28T22:45:47+00:00','second','extract','doi:10.5555/alpha.1','{"field": "n_operated", "how": "fulltext", "value": 5, "where": "table 2"}','','9cffacac881e007c1b3623f08c972255f0de7f58c1c11e01c937be09fdc59971');
INSERT INTO "event" VALUES(13,'2026-11-28T22:45:47+00:00','first','extract','doi:10.5555/beta.2','{"field": "n_total", "how": "abstract", "value": 5, "where": "abstract"}','','5f5c990c9e9b07f27c6f8a41522326ba4373f9f95ceedbce2b146bbf58cc3597');
INSERT INTO "event" VALUES(14,'2026-11-28T22:45:47+00:00','first','extract','doi:10.5555/beta.2','{"field": "n_operated", "how": "abstract", "value": 9, "where": "abstract"}','','4b38b509e8535ce420fbcb0b31565d6bb7dc2eae9e34d601c61e0a320b062601');
INSERT INTO "event" VALUES(15,'2026-11-28T22:45:49+00:00','first','appraise','doi:10.5555/alpha.1','{"item": "1", "judgement": "yes", "tool": "jbi"}','consecutive','4ee27ac4f83ecea9870caee0b8e6f23e18a34fdebf7608b7f3338d947e17bcb9');
INSERT INTO "event" VALUES(16,'2026-11-28T22:45:49+00:00','neorlt','snapshot','review','{"conclusions": {}, "day": "2026-11-01", "records": 4}','','2a178300087383ffde217cd556e7256872c91130da84503a749bc4b3289ae7ff');
CREATE TABLE found_by (record TEXT NOT NULL REFERENCES record (id), source TEXT NOT NULL, run INTEGER NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (record, source, run)) WITHOUT ROWID;
INSERT INTO "found_by" VALUES('doi:10.5555/alpha.1','embase',0,'2026-11-28T22:45:46+00:00');
INSERT INTO "found_by" VALUES('doi:10.5555/beta.2','embase',0,'2026-11-28T22:45:46+00:00');
INSERT INTO "found_by" VALUES('print:a3cfc6e89dd1020a','csv',0,'2026-11-28T22:45:46+00:00');
INSERT INTO "found_by" VALUES('print:a6b1769388c8e571','embase',0,'2026-11-28T22:45:46+00:00');
CREATE TABLE identifier (kind TEXT NOT NULL, value TEXT NOT NULL, record TEXT NOT NULL REFERENCES record (id),
  PRIMARY KEY (kind, value)) WITHOUT ROWID;
INSERT INTO "identifier" VALUES('doi','10.5555/alpha.1','doi:10.5555/alpha.1');
INSERT INTO "identifier" VALUES('doi','10.5555/beta.2','doi:10.5555/beta.2');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('schema','1');
CREATE TABLE page (
  run INTEGER NOT NULL REFERENCES run (id), number INTEGER NOT NULL, fetched TEXT NOT NULL, url TEXT NOT NULL,
  sha256 TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (run, number));
CREATE TABLE record (id TEXT PRIMARY KEY, first_seen TEXT NOT NULL, document TEXT NOT NULL);
INSERT INTO "record" VALUES('doi:10.5555/alpha.1','2026-11-28T22:45:46+00:00','{"abstract": null, "authors": ["Alpha, Ada"], "doi": "10.5555/alpha.1", "extra": {}, "journal": "J Invent Med", "kinds": [], "language": null, "nct": null, "pages": "10-19", "pmcid": null, "pmid": null, "retracted": false, "source": "ris", "title": "Invented peptide receptor radionuclide therapy before surgery of pancreatic tumours: a series", "url": null, "volume": "4", "year": 2018}');
INSERT INTO "record" VALUES('doi:10.5555/beta.2','2026-11-28T22:45:46+00:00','{"abstract": null, "authors": ["Beta, B"], "doi": "10.5555/beta.2", "extra": {}, "journal": null, "kinds": [], "language": null, "nct": null, "pages": null, "pmcid": null, "pmid": null, "retracted": false, "source": "ris", "title": "Invented series of beta", "url": null, "volume": null, "year": 2019}');
INSERT INTO "record" VALUES('print:a6b1769388c8e571','2026-11-28T22:45:46+00:00','{"abstract": null, "authors": ["Gamma G"], "doi": null, "extra": {}, "journal": "J Invent Med", "kinds": [], "language": null, "nct": null, "pages": "7", "pmcid": null, "pmid": null, "retracted": false, "source": "ris", "title": "Invented old report of gamma rays", "url": null, "volume": null, "year": 1999}');
INSERT INTO "record" VALUES('print:a3cfc6e89dd1020a','2026-11-28T22:45:46+00:00','{"abstract": null, "authors": ["Gamma, Gina"], "doi": null, "extra": {}, "journal": "Journal of Invented Medicine", "kinds": [], "language": null, "nct": null, "pages": "7-9", "pmcid": null, "pmid": null, "retracted": false, "source": "csv", "title": "Invented old report of gamma rays, reprinted", "url": null, "volume": null, "year": 1999}');
CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, query TEXT NOT NULL, options TEXT NOT NULL,
  translation TEXT, total INTEGER, started TEXT NOT NULL, finished TEXT, cursor TEXT);
CREATE TABLE version (
  nct TEXT NOT NULL, dated TEXT NOT NULL, fetched TEXT NOT NULL, sha256 TEXT NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (nct, sha256));
CREATE INDEX event_subject ON event (subject, kind);
CREATE INDEX event_kind ON event (kind);
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('event',16);
COMMIT;
