-- A database of the third schema with a row in every table, as the desk of that time wrote it.
PRAGMA application_id = 1330660427;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE account_snapshots (
        id               TEXT PRIMARY KEY CONSTRAINT as_id_is_uuid4 CHECK (id IS NOT NULL AND id GLOB '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-4[0-9a-f][0-9a-f][0-9a-f]-[89ab][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'),
        captured_at      TEXT NOT NULL CONSTRAINT as_captured_at_is_utc CHECK ((captured_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(captured_at) <= 27 AND date(substr(captured_at, 1, 10), '+0 days') IS substr(captured_at, 1, 10) AND time(substr(captured_at, 12, 8)) IS substr(captured_at, 12, 8) AND rtrim(substr(captured_at, 20), '0123456789Z') IN ('', '.'))),
        account_id       TEXT NOT NULL,
        broker           TEXT NOT NULL CONSTRAINT as_broker CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        net_liquidation  REAL,
        cash_balance     REAL,
        spx_delta        REAL,
        gamma            REAL,
        theta            REAL,
        vega             REAL,
        delta_theta_ratio REAL,
        vix              REAL,
        spx_price        REAL,
        regime           TEXT CONSTRAINT as_regime CHECK (regime IN ('LOW_VOL', 'MEDIUM_VOL', 'HIGH_VOL', 'CRISIS'))
    );
INSERT INTO "account_snapshots" VALUES('f41d5e0f-35da-4293-afe8-e90fb04cdcd6','2026-05-04T19:45:12.123456Z','DU1234567','PAPER',512340.55,NULL,-120.5,-8.2,340.0,-1200.0,-2.82157676348547736822e+00,17.4,7200.75,'MEDIUM_VOL');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE audit_head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        seq INTEGER NOT NULL,
        hash TEXT NOT NULL CHECK (length(hash) = 64)
    ) STRICT;
INSERT INTO "audit_head" VALUES(1,2,'762182d52b6b981ee4154d23afacad46f60f226c06db19cfb21ea22035979f48');
CREATE TABLE book_marks (
        at_utc TEXT NOT NULL CHECK ((at_utc GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(at_utc) <= 27 AND date(substr(at_utc, 1, 10), '+0 days') IS substr(at_utc, 1, 10) AND time(substr(at_utc, 12, 8)) IS substr(at_utc, 12, 8) AND rtrim(substr(at_utc, 20), '0123456789Z') IN ('', '.'))),
        account_id TEXT NOT NULL,
        contract_key TEXT NOT NULL,
        underlying TEXT NOT NULL,
        quantity REAL NOT NULL,
        multiplier REAL NOT NULL,
        price REAL,
        spot REAL,
        vol REAL,
        delta REAL,
        gamma REAL,
        theta_per_day REAL,
        vega_per_point REAL,
        PRIMARY KEY (at_utc, account_id, contract_key)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE cash_movements (
        broker TEXT NOT NULL CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        account_id TEXT NOT NULL,
        movement_id TEXT NOT NULL CHECK (length(movement_id) > 0),
        kind TEXT NOT NULL CHECK (kind IN ('TRANSFER', 'DIVIDEND', 'INTEREST', 'FEE', 'TAX', 'OTHER')),
        at_utc TEXT NOT NULL CHECK ((at_utc GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(at_utc) <= 27 AND date(substr(at_utc, 1, 10), '+0 days') IS substr(at_utc, 1, 10) AND time(substr(at_utc, 12, 8)) IS substr(at_utc, 12, 8) AND rtrim(substr(at_utc, 20), '0123456789Z') IN ('', '.'))),
        amount TEXT NOT NULL,
        currency TEXT NOT NULL CHECK (length(currency) > 0),
        text TEXT NOT NULL,
        symbol TEXT NOT NULL,
        recorded_at TEXT NOT NULL CHECK ((recorded_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(recorded_at) <= 27 AND date(substr(recorded_at, 1, 10), '+0 days') IS substr(recorded_at, 1, 10) AND time(substr(recorded_at, 12, 8)) IS substr(recorded_at, 12, 8) AND rtrim(substr(recorded_at, 20), '0123456789Z') IN ('', '.'))),
        PRIMARY KEY (broker, account_id, movement_id)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "cash_movements" VALUES('IBKR','DU1234567','9001','FEE','2026-05-04T19:45:12.123456Z','-10.00','USD','Snapshot fee','','2026-05-04T19:45:12.123456Z');
CREATE TABLE database_stamp (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        environment TEXT NOT NULL CHECK (length(environment) > 0),
        mode TEXT NOT NULL CHECK (mode IN ('PAPER', 'LIVE')),
        created_at TEXT NOT NULL CHECK ((created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(created_at) <= 27 AND date(substr(created_at, 1, 10), '+0 days') IS substr(created_at, 1, 10) AND time(substr(created_at, 12, 8)) IS substr(created_at, 12, 8) AND rtrim(substr(created_at, 20), '0123456789Z') IN ('', '.')))
    ) STRICT;
INSERT INTO "database_stamp" VALUES(1,'desk','PAPER','2026-05-04T19:45:12.123456Z');
CREATE TABLE desk_state (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        reason TEXT NOT NULL,
        at_utc TEXT NOT NULL CHECK ((at_utc GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(at_utc) <= 27 AND date(substr(at_utc, 1, 10), '+0 days') IS substr(at_utc, 1, 10) AND time(substr(at_utc, 12, 8)) IS substr(at_utc, 12, 8) AND rtrim(substr(at_utc, 20), '0123456789Z') IN ('', '.')))
    ) STRICT;
INSERT INTO "desk_state" VALUES(1,'trading_state','HALTED','test','2026-05-04T19:45:12.123456Z');
CREATE TABLE execution_fees (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        broker TEXT NOT NULL CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        account_id TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        fee TEXT NOT NULL,
        recorded_at TEXT NOT NULL CHECK ((recorded_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(recorded_at) <= 27 AND date(substr(recorded_at, 1, 10), '+0 days') IS substr(recorded_at, 1, 10) AND time(substr(recorded_at, 12, 8)) IS substr(recorded_at, 12, 8) AND rtrim(substr(recorded_at, 20), '0123456789Z') IN ('', '.')))
    ) STRICT;
INSERT INTO "execution_fees" VALUES(1,'PAPER','DU1234567','0001f4e8.01','1.30','2026-05-04T19:45:12.123456Z');
INSERT INTO "execution_fees" VALUES(2,'IBKR','DU1234567','0001f4e8.77','1.05','2026-05-04T19:45:12.123456Z');
CREATE TABLE executions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        broker TEXT NOT NULL CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        account_id TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        revision INTEGER NOT NULL CHECK (revision >= 1),
        broker_order_id TEXT,
        order_id TEXT,
        kind TEXT NOT NULL,
        contract_key TEXT NOT NULL,
        contract_json TEXT NOT NULL CHECK (CASE WHEN json_valid(contract_json) THEN json_type(contract_json) = 'object' ELSE 0 END),
        action TEXT NOT NULL CHECK (action IN ('BUY', 'SELL')),
        quantity TEXT NOT NULL,
        price TEXT NOT NULL,
        executed_at TEXT NOT NULL CHECK ((executed_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(executed_at) <= 27 AND date(substr(executed_at, 1, 10), '+0 days') IS substr(executed_at, 1, 10) AND time(substr(executed_at, 12, 8)) IS substr(executed_at, 12, 8) AND rtrim(substr(executed_at, 20), '0123456789Z') IN ('', '.'))),
        recorded_at TEXT NOT NULL CHECK ((recorded_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(recorded_at) <= 27 AND date(substr(recorded_at, 1, 10), '+0 days') IS substr(recorded_at, 1, 10) AND time(substr(recorded_at, 12, 8)) IS substr(recorded_at, 12, 8) AND rtrim(substr(recorded_at, 20), '0123456789Z') IN ('', '.'))),
        UNIQUE (broker, account_id, execution_id, revision)
    ) STRICT;
INSERT INTO "executions" VALUES(1,'PAPER','DU1234567','0001f4e8.01',1,'1001','a6c39899-46e3-44f7-9191-79c48c1d2488','TRADE','SPXW  260615P06800000','{"conid":265598,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615P06800000","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"P","root":"SPXW","settlement":"PM","strike":"6800","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"}','SELL','2','12.50','2026-05-04T19:45:12.123456Z','2026-05-04T19:45:12.123456Z');
INSERT INTO "executions" VALUES(2,'IBKR','DU1234567','0001f4e8.77',1,'1001',NULL,'TRADE','SPXW  260615P06800000','{"conid":265598,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615P06800000","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"P","root":"SPXW","settlement":"PM","strike":"6800","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"}','SELL','2','12.50','2026-05-04T19:45:12.123456Z','2026-05-04T19:45:12.123456Z');
CREATE TABLE journal_edits (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        journal_id TEXT NOT NULL REFERENCES trade_journal(id),
        at_utc TEXT NOT NULL CHECK ((at_utc GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(at_utc) <= 27 AND date(substr(at_utc, 1, 10), '+0 days') IS substr(at_utc, 1, 10) AND time(substr(at_utc, 12, 8)) IS substr(at_utc, 12, 8) AND rtrim(substr(at_utc, 20), '0123456789Z') IN ('', '.'))),
        field TEXT NOT NULL CHECK (field IN ('user_rationale', 'tags')),
        before TEXT,
        after TEXT
    ) STRICT;
INSERT INTO "journal_edits" VALUES(1,'8abd5f70-55a0-4e80-806a-b9aa3a15ca5a','2026-05-04T19:45:12.123456Z','user_rationale','sold premium','second thoughts');
INSERT INTO "journal_edits" VALUES(2,'8abd5f70-55a0-4e80-806a-b9aa3a15ca5a','2026-05-04T19:45:12.123456Z','tags','[]','["roll"]');
CREATE TABLE journal_executions (
        broker TEXT NOT NULL,
        account_id TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        journal_id TEXT NOT NULL REFERENCES trade_journal(id),
        PRIMARY KEY (broker, account_id, execution_id, revision)
    ) STRICT;
INSERT INTO "journal_executions" VALUES('PAPER','DU1234567','0001f4e8.01',1,'8abd5f70-55a0-4e80-806a-b9aa3a15ca5a');
CREATE TABLE journal_search (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        journal_id TEXT NOT NULL UNIQUE REFERENCES trade_journal(id),
        created_at TEXT NOT NULL,
        account_id TEXT NOT NULL,
        underlying TEXT NOT NULL,
        strategy_tag TEXT,
        regime TEXT,
        status TEXT NOT NULL,
        tags TEXT NOT NULL,
        words TEXT NOT NULL
    ) STRICT;
INSERT INTO "journal_search" VALUES(1,'8abd5f70-55a0-4e80-806a-b9aa3a15ca5a','2026-05-04T19:45:12.123456Z','DU1234567','SPX','iron_condor','MEDIUM_VOL','FILLED','
roll
','spx
iron_condor
iron condor
second thoughts
buy a put 0
roll');
CREATE TABLE journal_tags (
        journal_id TEXT NOT NULL REFERENCES trade_journal(id),
        tag TEXT NOT NULL CHECK (length(trim(tag)) > 0),
        PRIMARY KEY (journal_id, tag)
    ) STRICT;
INSERT INTO "journal_tags" VALUES('8abd5f70-55a0-4e80-806a-b9aa3a15ca5a','roll');
CREATE TABLE order_audit_log (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at_utc TEXT NOT NULL CHECK ((at_utc GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(at_utc) <= 27 AND date(substr(at_utc, 1, 10), '+0 days') IS substr(at_utc, 1, 10) AND time(substr(at_utc, 12, 8)) IS substr(at_utc, 12, 8) AND rtrim(substr(at_utc, 20), '0123456789Z') IN ('', '.'))),
        recorded_at TEXT NOT NULL CHECK ((recorded_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(recorded_at) <= 27 AND date(substr(recorded_at, 1, 10), '+0 days') IS substr(recorded_at, 1, 10) AND time(substr(recorded_at, 12, 8)) IS substr(recorded_at, 12, 8) AND rtrim(substr(recorded_at, 20), '0123456789Z') IN ('', '.'))),
        kind TEXT NOT NULL,
        order_id TEXT,
        broker_order_id TEXT,
        account_id TEXT NOT NULL,
        state_json TEXT NOT NULL CHECK (CASE WHEN json_valid(state_json) THEN json_type(state_json) = 'object' ELSE 0 END),
        latency_us INTEGER,
        prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
        hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64)
    ) STRICT;
INSERT INTO "order_audit_log" VALUES(1,'2026-05-04T19:45:12.123456Z','2026-05-04T19:45:12.123456Z','INTENT','a6c39899-46e3-44f7-9191-79c48c1d2488','1001','DU1234567','{}',1500,'0000000000000000000000000000000000000000000000000000000000000000','fba3c0f57eea823620948d93597733405767f82139c45ff282eeba9cb8749834');
INSERT INTO "order_audit_log" VALUES(2,'2026-05-04T19:45:12.123456Z','2026-05-04T19:45:12.123456Z','JOURNALED','a6c39899-46e3-44f7-9191-79c48c1d2488','1001','DU1234567','{"event_no":1,"journal_id":"8abd5f70-55a0-4e80-806a-b9aa3a15ca5a","journal_sha256":"2f269f5fcc1b177cbda600b696fe778aeed005043257778ef933e86f5d929cf9"}',1500,'fba3c0f57eea823620948d93597733405767f82139c45ff282eeba9cb8749834','762182d52b6b981ee4154d23afacad46f60f226c06db19cfb21ea22035979f48');
CREATE TABLE order_intents (
        order_id TEXT PRIMARY KEY NOT NULL REFERENCES orders(id),
        broker TEXT NOT NULL CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        account_id TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        committed_at TEXT NOT NULL CHECK ((committed_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(committed_at) <= 27 AND date(substr(committed_at, 1, 10), '+0 days') IS substr(committed_at, 1, 10) AND time(substr(committed_at, 12, 8)) IS substr(committed_at, 12, 8) AND rtrim(substr(committed_at, 20), '0123456789Z') IN ('', '.'))),
        payload_json TEXT NOT NULL CHECK (CASE WHEN json_valid(payload_json) THEN json_type(payload_json) = 'object' ELSE 0 END)
    ) STRICT;
INSERT INTO "order_intents" VALUES('a6c39899-46e3-44f7-9191-79c48c1d2488','PAPER','DU1234567','9b4b8edc1f20a22be6ae190d1b9fa6bd6ec8de0bf7c49bb8cd941a54fabc3632','2026-05-04T19:45:12.123456Z','{"account_id":"DU1234567","ai_rationale":null,"ai_suggestion_id":null,"broker_order_id":"1001","created_at":"2026-05-04T19:45:12.123456Z","fill_prices":{"SPXW  260615C07502500":"0.05","SPXW  260615P06800000":"12.5000"},"filled_at":null,"filled_packages":0,"id":"a6c39899-46e3-44f7-9191-79c48c1d2488","legs":[{"action":"SELL","contract":{"conid":265598,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615P06800000","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"P","root":"SPXW","settlement":"PM","strike":"6800","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"},"greeks":{"delta":-0.16,"gamma":0.0004,"price":12.5,"theta_per_day":-1.9,"vega_per_point":4.25,"vol":0.18},"quantity":2},{"action":"SELL","contract":{"conid":0,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615C07502500","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"C","root":"SPXW","settlement":"PM","strike":"7502.5","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"},"greeks":null,"quantity":2}],"limit_price":"-1.850","order_type":"LMT","reason":null,"simulation_result":{"broker_error":null,"broker_warn":"near the close","buying_power_after":"301220.00","current_greeks":{"beta_unavailable_count":1,"excluded_count":0,"gamma":-8.2,"spx_equiv_delta":-120.5,"theta":340.0,"timestamp":"2026-05-04T19:45:12.123456Z","vega":-1200.0},"equity_change":"-3.12","fees":"3.12","fingerprint":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","initial_margin_after":"12500.35","initial_margin_change":"2500.25","initial_margin_current":"10000.10","maintenance_margin_after":null,"maintenance_margin_change":null,"maintenance_margin_current":null,"position_version":7,"projected_greeks":{"beta_unavailable_count":1,"excluded_count":0,"gamma":-8.2,"spx_equiv_delta":-131.25,"theta":340.0,"timestamp":"2026-05-04T19:45:12.123456Z","vega":-1200.0},"simulated_at":"2026-05-04T19:45:12.123456Z"},"status":"PENDING","strategy_tag":"short_strangle","submitted_at":"2026-05-04T19:45:12.123456Z","tif":"DAY","user_rationale":"sell rich vol — größer"}');
CREATE TABLE order_journal (
        order_id TEXT NOT NULL,
        event_no INTEGER NOT NULL CHECK (event_no >= 1),
        journal_id TEXT NOT NULL UNIQUE REFERENCES trade_journal(id),
        PRIMARY KEY (order_id, event_no)
    ) STRICT;
INSERT INTO "order_journal" VALUES('a6c39899-46e3-44f7-9191-79c48c1d2488',1,'8abd5f70-55a0-4e80-806a-b9aa3a15ca5a');
CREATE TABLE orders (
        id TEXT PRIMARY KEY NOT NULL CHECK (id GLOB '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-4[0-9a-f][0-9a-f][0-9a-f]-[89ab][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'),
        broker TEXT NOT NULL CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        account_id TEXT NOT NULL,
        broker_order_id TEXT,
        underlying TEXT NOT NULL,
        strategy_tag TEXT,
        order_type TEXT NOT NULL CHECK (order_type IN ('LMT', 'MKT', 'MOC')),
        tif TEXT NOT NULL CHECK (tif IN ('DAY', 'GTC')),
        limit_price TEXT,
        status TEXT NOT NULL CHECK (status IN ('DRAFT', 'SIMULATED', 'PENDING', 'PARTIAL', 'CANCEL_PENDING',
            'UNKNOWN', 'FILLED', 'REJECTED', 'CANCELLED')),
        created_at TEXT NOT NULL CHECK ((created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(created_at) <= 27 AND date(substr(created_at, 1, 10), '+0 days') IS substr(created_at, 1, 10) AND time(substr(created_at, 12, 8)) IS substr(created_at, 12, 8) AND rtrim(substr(created_at, 20), '0123456789Z') IN ('', '.'))),
        submitted_at TEXT CHECK (submitted_at IS NULL OR (submitted_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(submitted_at) <= 27 AND date(substr(submitted_at, 1, 10), '+0 days') IS substr(submitted_at, 1, 10) AND time(substr(submitted_at, 12, 8)) IS substr(submitted_at, 12, 8) AND rtrim(substr(submitted_at, 20), '0123456789Z') IN ('', '.'))),
        filled_at TEXT CHECK (filled_at IS NULL OR (filled_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(filled_at) <= 27 AND date(substr(filled_at, 1, 10), '+0 days') IS substr(filled_at, 1, 10) AND time(substr(filled_at, 12, 8)) IS substr(filled_at, 12, 8) AND rtrim(substr(filled_at, 20), '0123456789Z') IN ('', '.'))),
        updated_at TEXT NOT NULL CHECK ((updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(updated_at) <= 27 AND date(substr(updated_at, 1, 10), '+0 days') IS substr(updated_at, 1, 10) AND time(substr(updated_at, 12, 8)) IS substr(updated_at, 12, 8) AND rtrim(substr(updated_at, 20), '0123456789Z') IN ('', '.'))),
        payload_json TEXT NOT NULL CHECK (CASE WHEN json_valid(payload_json) THEN json_type(payload_json) = 'object' ELSE 0 END)
    ) STRICT;
INSERT INTO "orders" VALUES('a6c39899-46e3-44f7-9191-79c48c1d2488','PAPER','DU1234567','1001','SPX','short_strangle','LMT','DAY','-1.850','PENDING','2026-05-04T19:45:12.123456Z','2026-05-04T19:45:12.123456Z',NULL,'2026-05-04T19:45:12.123456Z','{"account_id":"DU1234567","ai_rationale":null,"ai_suggestion_id":null,"broker_order_id":"1001","created_at":"2026-05-04T19:45:12.123456Z","fill_prices":{"SPXW  260615C07502500":"0.05","SPXW  260615P06800000":"12.5000"},"filled_at":null,"filled_packages":0,"id":"a6c39899-46e3-44f7-9191-79c48c1d2488","legs":[{"action":"SELL","contract":{"conid":265598,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615P06800000","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"P","root":"SPXW","settlement":"PM","strike":"6800","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"},"greeks":{"delta":-0.16,"gamma":0.0004,"price":12.5,"theta_per_day":-1.9,"vega_per_point":4.25,"vol":0.18},"quantity":2},{"action":"SELL","contract":{"conid":0,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615C07502500","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"C","root":"SPXW","settlement":"PM","strike":"7502.5","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"},"greeks":null,"quantity":2}],"limit_price":"-1.850","order_type":"LMT","reason":null,"simulation_result":{"broker_error":null,"broker_warn":"near the close","buying_power_after":"301220.00","current_greeks":{"beta_unavailable_count":1,"excluded_count":0,"gamma":-8.2,"spx_equiv_delta":-120.5,"theta":340.0,"timestamp":"2026-05-04T19:45:12.123456Z","vega":-1200.0},"equity_change":"-3.12","fees":"3.12","fingerprint":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","initial_margin_after":"12500.35","initial_margin_change":"2500.25","initial_margin_current":"10000.10","maintenance_margin_after":null,"maintenance_margin_change":null,"maintenance_margin_current":null,"position_version":7,"projected_greeks":{"beta_unavailable_count":1,"excluded_count":0,"gamma":-8.2,"spx_equiv_delta":-131.25,"theta":340.0,"timestamp":"2026-05-04T19:45:12.123456Z","vega":-1200.0},"simulated_at":"2026-05-04T19:45:12.123456Z"},"status":"PENDING","strategy_tag":"short_strangle","submitted_at":"2026-05-04T19:45:12.123456Z","tif":"DAY","user_rationale":"sell rich vol — größer"}');
CREATE TABLE positions (
        account_id TEXT NOT NULL,
        contract_key TEXT NOT NULL,
        broker TEXT NOT NULL CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        contract_json TEXT NOT NULL CHECK (CASE WHEN json_valid(contract_json) THEN json_type(contract_json) = 'object' ELSE 0 END),
        quantity TEXT NOT NULL,
        average_price TEXT NOT NULL,
        previous_close TEXT,
        at_utc TEXT CHECK (at_utc IS NULL OR (at_utc GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(at_utc) <= 27 AND date(substr(at_utc, 1, 10), '+0 days') IS substr(at_utc, 1, 10) AND time(substr(at_utc, 12, 8)) IS substr(at_utc, 12, 8) AND rtrim(substr(at_utc, 20), '0123456789Z') IN ('', '.'))),
        reconciled_at TEXT NOT NULL CHECK ((reconciled_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(reconciled_at) <= 27 AND date(substr(reconciled_at, 1, 10), '+0 days') IS substr(reconciled_at, 1, 10) AND time(substr(reconciled_at, 12, 8)) IS substr(reconciled_at, 12, 8) AND rtrim(substr(reconciled_at, 20), '0123456789Z') IN ('', '.'))),
        PRIMARY KEY (account_id, contract_key)
    ) STRICT;
CREATE TABLE risk_breaches (
        id TEXT PRIMARY KEY NOT NULL,
        breach_type TEXT NOT NULL,
        metric TEXT NOT NULL,
        threshold REAL NOT NULL,
        actual_value REAL NOT NULL,
        regime TEXT NOT NULL CHECK (regime IN ('LOW_VOL', 'MEDIUM_VOL', 'HIGH_VOL', 'CRISIS')),
        detected_at TEXT NOT NULL CHECK ((detected_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(detected_at) <= 27 AND date(substr(detected_at, 1, 10), '+0 days') IS substr(detected_at, 1, 10) AND time(substr(detected_at, 12, 8)) IS substr(detected_at, 12, 8) AND rtrim(substr(detected_at, 20), '0123456789Z') IN ('', '.'))),
        state TEXT NOT NULL CHECK (state IN ('DETECTED', 'REQUESTED', 'POPULATED', 'SHOWN', 'ARCHIVED')),
        archived_at TEXT CHECK (archived_at IS NULL OR (archived_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(archived_at) <= 27 AND date(substr(archived_at, 1, 10), '+0 days') IS substr(archived_at, 1, 10) AND time(substr(archived_at, 12, 8)) IS substr(archived_at, 12, 8) AND rtrim(substr(archived_at, 20), '0123456789Z') IN ('', '.'))),
        updated_at TEXT NOT NULL CHECK ((updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(updated_at) <= 27 AND date(substr(updated_at, 1, 10), '+0 days') IS substr(updated_at, 1, 10) AND time(substr(updated_at, 12, 8)) IS substr(updated_at, 12, 8) AND rtrim(substr(updated_at, 20), '0123456789Z') IN ('', '.')))
    ) STRICT;
INSERT INTO "risk_breaches" VALUES('0e1c8ace-d07d-47a8-8dcc-d0f3f9419db3','VEGA_TOO_LOW','vega',-1000.0,-1200.0,'HIGH_VOL','2026-05-04T19:45:12.123456Z','POPULATED',NULL,'2026-05-04T19:45:12.123456Z');
CREATE TABLE schema_history (
        version INTEGER PRIMARY KEY,
        revision TEXT NOT NULL,
        applied_at TEXT NOT NULL CHECK ((applied_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(applied_at) <= 27 AND date(substr(applied_at, 1, 10), '+0 days') IS substr(applied_at, 1, 10) AND time(substr(applied_at, 12, 8)) IS substr(applied_at, 12, 8) AND rtrim(substr(applied_at, 20), '0123456789Z') IN ('', '.'))),
        sqlite_version TEXT NOT NULL
    ) STRICT;
INSERT INTO "schema_history" VALUES(1,'0001','2026-05-04T19:45:12.123456Z','3.40.1');
INSERT INTO "schema_history" VALUES(2,'0002','2026-05-04T19:45:12.123456Z','3.40.1');
INSERT INTO "schema_history" VALUES(3,'0003','2026-05-04T19:45:12.123456Z','3.40.1');
CREATE TABLE signals (
        id TEXT PRIMARY KEY NOT NULL CHECK (id GLOB '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-4[0-9a-f][0-9a-f][0-9a-f]-[89ab][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'),
        created_at TEXT NOT NULL CHECK ((created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(created_at) <= 27 AND date(substr(created_at, 1, 10), '+0 days') IS substr(created_at, 1, 10) AND time(substr(created_at, 12, 8)) IS substr(created_at, 12, 8) AND rtrim(substr(created_at, 20), '0123456789Z') IN ('', '.'))),
        source TEXT NOT NULL,
        breach_id TEXT,
        position INTEGER NOT NULL,
        rationale TEXT NOT NULL,
        projected_delta_change REAL NOT NULL,
        projected_theta_cost REAL NOT NULL,
        payload_json TEXT NOT NULL CHECK (CASE WHEN json_valid(payload_json) THEN json_type(payload_json) = 'object' ELSE 0 END)
    ) STRICT;
INSERT INTO "signals" VALUES('0e042e2e-779f-45a1-b038-6b38e8995d0a','2026-05-04T19:45:12.123456Z','AI','0e1c8ace-d07d-47a8-8dcc-d0f3f9419db3',0,'buy a put 0',10.0,-3.0,'{"id":"0e042e2e-779f-45a1-b038-6b38e8995d0a","legs":[{"action":"SELL","contract":{"conid":265598,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615P06800000","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"P","root":"SPXW","settlement":"PM","strike":"6800","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"},"greeks":{"delta":-0.16,"gamma":0.0004,"price":12.5,"theta_per_day":-1.9,"vega_per_point":4.25,"vol":0.18},"quantity":2},{"action":"SELL","contract":{"conid":0,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615C07502500","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"C","root":"SPXW","settlement":"PM","strike":"7502.5","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"},"greeks":null,"quantity":2}],"projected_delta_change":10.0,"projected_theta_cost":-3.0,"rationale":"buy a put 0"}');
INSERT INTO "signals" VALUES('fa54c088-ead2-4418-b54a-7bed45e01a41','2026-05-04T19:45:12.123456Z','AI','0e1c8ace-d07d-47a8-8dcc-d0f3f9419db3',1,'buy a put 1',11.0,-3.0,'{"id":"fa54c088-ead2-4418-b54a-7bed45e01a41","legs":[{"action":"SELL","contract":{"conid":265598,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615P06800000","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"P","root":"SPXW","settlement":"PM","strike":"6800","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"},"greeks":{"delta":-0.16,"gamma":0.0004,"price":12.5,"theta_per_day":-1.9,"vega_per_point":4.25,"vol":0.18},"quantity":2},{"action":"SELL","contract":{"conid":0,"delivery":"CASH","expiry":"2026-06-15","key":"SPXW  260615C07502500","kind":"OPTION","multiplier":"100","net_tick":{"above":"0.05","below":"0.05","threshold":"0"},"right":"C","root":"SPXW","settlement":"PM","strike":"7502.5","style":"EUROPEAN","tick":{"above":"0.10","below":"0.05","threshold":"3"},"underlying":"SPX"},"greeks":null,"quantity":2}],"projected_delta_change":11.0,"projected_theta_cost":-3.0,"rationale":"buy a put 1"}');
CREATE TABLE snapshot_packs (
        account_id TEXT NOT NULL,
        day TEXT NOT NULL,
        rows BLOB NOT NULL,
        PRIMARY KEY (account_id, day)
    ) STRICT;
INSERT INTO "snapshot_packs" VALUES('DU1234567','2026-05-04',X'B4E607D23D7EDA413333333352451F41000000000000F87F0000000000205EC066666666666620C000000000004075400000000000C092C0D79692D6969206C0666666666666314000000000C020BC40000000000000F03F');
CREATE TABLE snapshot_slots (
        slot_utc TEXT NOT NULL CHECK ((slot_utc GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(slot_utc) <= 27 AND date(substr(slot_utc, 1, 10), '+0 days') IS substr(slot_utc, 1, 10) AND time(substr(slot_utc, 12, 8)) IS substr(slot_utc, 12, 8) AND rtrim(substr(slot_utc, 20), '0123456789Z') IN ('', '.'))),
        account_id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('SCHEDULED', 'MISSED')),
        reason TEXT,
        snapshot_id TEXT REFERENCES account_snapshots(id),
        recorded_at TEXT NOT NULL CHECK ((recorded_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(recorded_at) <= 27 AND date(substr(recorded_at, 1, 10), '+0 days') IS substr(recorded_at, 1, 10) AND time(substr(recorded_at, 12, 8)) IS substr(recorded_at, 12, 8) AND rtrim(substr(recorded_at, 20), '0123456789Z') IN ('', '.'))),
        PRIMARY KEY (slot_utc, account_id),
        CHECK ((kind = 'SCHEDULED') = (snapshot_id IS NOT NULL)),
        CHECK ((kind = 'MISSED') = (reason IS NOT NULL))
    ) STRICT;
INSERT INTO "snapshot_slots" VALUES('2026-05-04T19:45:12.123456Z','DU1234567','SCHEDULED',NULL,'f41d5e0f-35da-4293-afe8-e90fb04cdcd6','2026-05-04T19:45:12.123456Z');
CREATE TABLE statement_days (
        broker TEXT NOT NULL CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        account_id TEXT NOT NULL,
        first_day TEXT NOT NULL CHECK (date(first_day, '+0 days') IS first_day),
        last_day TEXT NOT NULL CHECK (date(last_day, '+0 days') IS last_day AND last_day >= first_day),
        generated_at TEXT CHECK (generated_at IS NULL OR (generated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(generated_at) <= 27 AND date(substr(generated_at, 1, 10), '+0 days') IS substr(generated_at, 1, 10) AND time(substr(generated_at, 12, 8)) IS substr(generated_at, 12, 8) AND rtrim(substr(generated_at, 20), '0123456789Z') IN ('', '.'))),
        source TEXT NOT NULL,
        recorded_at TEXT NOT NULL CHECK ((recorded_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(recorded_at) <= 27 AND date(substr(recorded_at, 1, 10), '+0 days') IS substr(recorded_at, 1, 10) AND time(substr(recorded_at, 12, 8)) IS substr(recorded_at, 12, 8) AND rtrim(substr(recorded_at, 20), '0123456789Z') IN ('', '.'))),
        PRIMARY KEY (broker, account_id, first_day, last_day)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "statement_days" VALUES('IBKR','DU1234567','2026-05-04','2026-05-04','2026-05-04T19:45:12.123456Z','may.xml','2026-05-04T19:45:12.123456Z');
CREATE TABLE statement_lines (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        broker TEXT NOT NULL CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        account_id TEXT NOT NULL,
        line_id TEXT NOT NULL CHECK (length(line_id) > 0),
        line_no INTEGER NOT NULL CHECK (line_no >= 0),
        trade_id TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        fee TEXT,
        is_preliminary INTEGER NOT NULL CHECK (is_preliminary IN (0, 1)),
        recorded_at TEXT NOT NULL CHECK ((recorded_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(recorded_at) <= 27 AND date(substr(recorded_at, 1, 10), '+0 days') IS substr(recorded_at, 1, 10) AND time(substr(recorded_at, 12, 8)) IS substr(recorded_at, 12, 8) AND rtrim(substr(recorded_at, 20), '0123456789Z') IN ('', '.'))),
        UNIQUE (broker, account_id, line_id)
    ) STRICT;
INSERT INTO "statement_lines" VALUES(1,'IBKR','DU1234567','booked:0001f4e8.77',77,'7700','0001f4e8.77','1.05',0,'2026-05-04T19:45:12.123456Z');
CREATE TABLE trade_journal (
        id               TEXT PRIMARY KEY CONSTRAINT tj_id_is_uuid4 CHECK (id IS NOT NULL AND id GLOB '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-4[0-9a-f][0-9a-f][0-9a-f]-[89ab][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'),
        created_at       TEXT NOT NULL CONSTRAINT tj_created_at_is_utc CHECK ((created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z' AND length(created_at) <= 27 AND date(substr(created_at, 1, 10), '+0 days') IS substr(created_at, 1, 10) AND time(substr(created_at, 12, 8)) IS substr(created_at, 12, 8) AND rtrim(substr(created_at, 20), '0123456789Z') IN ('', '.'))),
        broker           TEXT NOT NULL CONSTRAINT tj_broker CHECK (broker IN ('PAPER', 'IBKR', 'TASTYTRADE')),
        account_id       TEXT NOT NULL,
        broker_order_id  TEXT,
        underlying       TEXT NOT NULL,
        strategy_tag     TEXT,
        status           TEXT NOT NULL DEFAULT 'FILLED'
                         CONSTRAINT tj_status CHECK (status IN ('FILLED', 'PARTIAL', 'CANCELLED')),
        legs_json        TEXT NOT NULL DEFAULT '[]'
                         CONSTRAINT tj_legs_are_an_array CHECK (CASE WHEN json_valid(legs_json) THEN json_type(legs_json) = 'array' AND json_array_length(legs_json) >= 1 ELSE 0 END),
        net_debit_credit REAL,
        vix_at_fill      REAL,
        spx_price_at_fill REAL,
        regime           TEXT CONSTRAINT tj_regime CHECK (regime IN ('LOW_VOL', 'MEDIUM_VOL', 'HIGH_VOL', 'CRISIS')),
        pre_greeks_json  TEXT NOT NULL DEFAULT '{}'
                         CONSTRAINT tj_pre_greeks_are_an_object CHECK (CASE WHEN json_valid(pre_greeks_json) THEN json_type(pre_greeks_json) = 'object' ELSE 0 END),
        post_greeks_json TEXT NOT NULL DEFAULT '{}'
                         CONSTRAINT tj_post_greeks_are_an_object CHECK (CASE WHEN json_valid(post_greeks_json) THEN json_type(post_greeks_json) = 'object' ELSE 0 END),
        user_rationale   TEXT,
        ai_rationale     TEXT,
        ai_suggestion_id TEXT
    );
INSERT INTO "trade_journal" VALUES('8abd5f70-55a0-4e80-806a-b9aa3a15ca5a','2026-05-04T19:45:12.123456Z','PAPER','DU1234567','1001','SPX','iron_condor','FILLED','[{"action":"SELL","conid":"265598","expiry":"2026-06-15","fill_price":12.5,"multiplier":100.0,"qty":2,"right":"P","strike":6800.0,"symbol":"SPXW  260615P06800000"}]',-2500.0,17.4,7200.75,'MEDIUM_VOL','{"beta_defaulted":1,"excluded":0,"gamma":-8.2,"spx_delta":-120.5,"theta":340.0,"vega":-1200.0}','{}','second thoughts','buy a put 0','0e042e2e-779f-45a1-b038-6b38e8995d0a');
CREATE INDEX ix_tj_created_at ON trade_journal(created_at DESC);
CREATE INDEX ix_tj_account    ON trade_journal(account_id, created_at DESC);
CREATE INDEX ix_tj_underlying ON trade_journal(underlying, created_at DESC);
CREATE INDEX ix_tj_regime     ON trade_journal(regime, created_at DESC);
CREATE INDEX ix_acct_snap_account_time ON account_snapshots(account_id, captured_at DESC);
CREATE INDEX ix_acct_snap_time ON account_snapshots(captured_at DESC);
CREATE INDEX ix_orders_account_status ON orders(account_id, status);
CREATE INDEX ix_orders_broker_order ON orders(broker_order_id);
CREATE INDEX ix_orders_created ON orders(created_at DESC);
CREATE INDEX ix_order_intents_committed ON order_intents(committed_at);
CREATE INDEX ix_executions_order ON executions(order_id);
CREATE INDEX ix_executions_executed ON executions(account_id, executed_at);
CREATE INDEX ix_execution_fees_execution ON execution_fees(broker, account_id, execution_id);
CREATE INDEX ix_order_audit_order ON order_audit_log(order_id, seq);
CREATE INDEX ix_journal_executions_journal ON journal_executions(journal_id);
CREATE INDEX ix_journal_edits_journal ON journal_edits(journal_id, field, seq);
CREATE INDEX ix_journal_tags_tag ON journal_tags(tag, journal_id);
CREATE INDEX ix_journal_search_newest
        ON journal_search(created_at, seq, account_id, underlying, strategy_tag, regime, status, tags);
CREATE INDEX ix_journal_search_facets ON journal_search(account_id, underlying, strategy_tag, regime, status);
CREATE INDEX ix_signals_breach ON signals(breach_id, position);
CREATE INDEX ix_snapshot_slots_account ON snapshot_slots(account_id, slot_utc);
CREATE INDEX ix_risk_breaches_detected ON risk_breaches(detected_at DESC);
CREATE INDEX ix_desk_state_key ON desk_state(key, seq);
CREATE TRIGGER trade_journal_no_update BEFORE UPDATE OF id, created_at, broker, account_id, broker_order_id, underlying, strategy_tag, status, legs_json, net_debit_credit, vix_at_fill, spx_price_at_fill, regime, pre_greeks_json, post_greeks_json, ai_rationale, ai_suggestion_id ON trade_journal BEGIN SELECT RAISE(ABORT, 'trade_journal is append-only: no update'); END;
CREATE TRIGGER trade_journal_no_delete BEFORE DELETE ON trade_journal BEGIN SELECT RAISE(ABORT, 'trade_journal is append-only: no delete'); END;
CREATE TRIGGER trade_journal_no_replace BEFORE INSERT ON trade_journal WHEN EXISTS (SELECT 1 FROM trade_journal WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'trade_journal is append-only: row exists'); END;
CREATE TRIGGER account_snapshots_no_update BEFORE UPDATE ON account_snapshots BEGIN SELECT RAISE(ABORT, 'account_snapshots is append-only: no update'); END;
CREATE TRIGGER account_snapshots_no_delete BEFORE DELETE ON account_snapshots BEGIN SELECT RAISE(ABORT, 'account_snapshots is append-only: no delete'); END;
CREATE TRIGGER account_snapshots_no_replace BEFORE INSERT ON account_snapshots WHEN EXISTS (SELECT 1 FROM account_snapshots WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'account_snapshots is append-only: row exists'); END;
CREATE TRIGGER signals_no_update BEFORE UPDATE ON signals BEGIN SELECT RAISE(ABORT, 'signals is append-only: no update'); END;
CREATE TRIGGER signals_no_delete BEFORE DELETE ON signals BEGIN SELECT RAISE(ABORT, 'signals is append-only: no delete'); END;
CREATE TRIGGER signals_no_replace BEFORE INSERT ON signals WHEN EXISTS (SELECT 1 FROM signals WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'signals is append-only: row exists'); END;
CREATE TRIGGER order_intents_no_update BEFORE UPDATE ON order_intents BEGIN SELECT RAISE(ABORT, 'order_intents is append-only: no update'); END;
CREATE TRIGGER order_intents_no_delete BEFORE DELETE ON order_intents BEGIN SELECT RAISE(ABORT, 'order_intents is append-only: no delete'); END;
CREATE TRIGGER order_intents_no_replace BEFORE INSERT ON order_intents WHEN EXISTS (SELECT 1 FROM order_intents WHERE order_id = NEW.order_id) BEGIN SELECT RAISE(ABORT, 'order_intents is append-only: row exists'); END;
CREATE TRIGGER executions_no_update BEFORE UPDATE ON executions BEGIN SELECT RAISE(ABORT, 'executions is append-only: no update'); END;
CREATE TRIGGER executions_no_delete BEFORE DELETE ON executions BEGIN SELECT RAISE(ABORT, 'executions is append-only: no delete'); END;
CREATE TRIGGER executions_no_replace BEFORE INSERT ON executions WHEN EXISTS (SELECT 1 FROM executions WHERE broker = NEW.broker AND account_id = NEW.account_id AND execution_id = NEW.execution_id AND revision = NEW.revision) BEGIN SELECT RAISE(ABORT, 'executions is append-only: row exists'); END;
CREATE TRIGGER execution_fees_no_update BEFORE UPDATE ON execution_fees BEGIN SELECT RAISE(ABORT, 'execution_fees is append-only: no update'); END;
CREATE TRIGGER execution_fees_no_delete BEFORE DELETE ON execution_fees BEGIN SELECT RAISE(ABORT, 'execution_fees is append-only: no delete'); END;
CREATE TRIGGER execution_fees_no_replace BEFORE INSERT ON execution_fees WHEN EXISTS (SELECT 1 FROM execution_fees WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'execution_fees is append-only: row exists'); END;
CREATE TRIGGER order_audit_log_no_update BEFORE UPDATE ON order_audit_log BEGIN SELECT RAISE(ABORT, 'order_audit_log is append-only: no update'); END;
CREATE TRIGGER order_audit_log_no_delete BEFORE DELETE ON order_audit_log BEGIN SELECT RAISE(ABORT, 'order_audit_log is append-only: no delete'); END;
CREATE TRIGGER order_audit_log_no_replace BEFORE INSERT ON order_audit_log WHEN EXISTS (SELECT 1 FROM order_audit_log WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'order_audit_log is append-only: row exists'); END;
CREATE TRIGGER order_journal_no_update BEFORE UPDATE ON order_journal BEGIN SELECT RAISE(ABORT, 'order_journal is append-only: no update'); END;
CREATE TRIGGER order_journal_no_delete BEFORE DELETE ON order_journal BEGIN SELECT RAISE(ABORT, 'order_journal is append-only: no delete'); END;
CREATE TRIGGER order_journal_no_replace BEFORE INSERT ON order_journal WHEN EXISTS (SELECT 1 FROM order_journal WHERE order_id = NEW.order_id AND event_no = NEW.event_no) BEGIN SELECT RAISE(ABORT, 'order_journal is append-only: row exists'); END;
CREATE TRIGGER journal_executions_no_update BEFORE UPDATE ON journal_executions BEGIN SELECT RAISE(ABORT, 'journal_executions is append-only: no update'); END;
CREATE TRIGGER journal_executions_no_delete BEFORE DELETE ON journal_executions BEGIN SELECT RAISE(ABORT, 'journal_executions is append-only: no delete'); END;
CREATE TRIGGER journal_executions_no_replace BEFORE INSERT ON journal_executions WHEN EXISTS (SELECT 1 FROM journal_executions WHERE broker = NEW.broker AND account_id = NEW.account_id AND execution_id = NEW.execution_id AND revision = NEW.revision) BEGIN SELECT RAISE(ABORT, 'journal_executions is append-only: row exists'); END;
CREATE TRIGGER journal_edits_no_update BEFORE UPDATE ON journal_edits BEGIN SELECT RAISE(ABORT, 'journal_edits is append-only: no update'); END;
CREATE TRIGGER journal_edits_no_delete BEFORE DELETE ON journal_edits BEGIN SELECT RAISE(ABORT, 'journal_edits is append-only: no delete'); END;
CREATE TRIGGER journal_edits_no_replace BEFORE INSERT ON journal_edits WHEN EXISTS (SELECT 1 FROM journal_edits WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'journal_edits is append-only: row exists'); END;
CREATE TRIGGER snapshot_slots_no_update BEFORE UPDATE ON snapshot_slots BEGIN SELECT RAISE(ABORT, 'snapshot_slots is append-only: no update'); END;
CREATE TRIGGER snapshot_slots_no_delete BEFORE DELETE ON snapshot_slots BEGIN SELECT RAISE(ABORT, 'snapshot_slots is append-only: no delete'); END;
CREATE TRIGGER snapshot_slots_no_replace BEFORE INSERT ON snapshot_slots WHEN EXISTS (SELECT 1 FROM snapshot_slots WHERE slot_utc = NEW.slot_utc AND account_id = NEW.account_id) BEGIN SELECT RAISE(ABORT, 'snapshot_slots is append-only: row exists'); END;
CREATE TRIGGER desk_state_no_update BEFORE UPDATE ON desk_state BEGIN SELECT RAISE(ABORT, 'desk_state is append-only: no update'); END;
CREATE TRIGGER desk_state_no_delete BEFORE DELETE ON desk_state BEGIN SELECT RAISE(ABORT, 'desk_state is append-only: no delete'); END;
CREATE TRIGGER desk_state_no_replace BEFORE INSERT ON desk_state WHEN EXISTS (SELECT 1 FROM desk_state WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'desk_state is append-only: row exists'); END;
CREATE TRIGGER database_stamp_no_update BEFORE UPDATE ON database_stamp BEGIN SELECT RAISE(ABORT, 'database_stamp is append-only: no update'); END;
CREATE TRIGGER database_stamp_no_delete BEFORE DELETE ON database_stamp BEGIN SELECT RAISE(ABORT, 'database_stamp is append-only: no delete'); END;
CREATE TRIGGER database_stamp_no_replace BEFORE INSERT ON database_stamp WHEN EXISTS (SELECT 1 FROM database_stamp WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'database_stamp is append-only: row exists'); END;
CREATE TRIGGER schema_history_no_update BEFORE UPDATE ON schema_history BEGIN SELECT RAISE(ABORT, 'schema_history is append-only: no update'); END;
CREATE TRIGGER schema_history_no_delete BEFORE DELETE ON schema_history BEGIN SELECT RAISE(ABORT, 'schema_history is append-only: no delete'); END;
CREATE TRIGGER schema_history_no_replace BEFORE INSERT ON schema_history WHEN EXISTS (SELECT 1 FROM schema_history WHERE version = NEW.version) BEGIN SELECT RAISE(ABORT, 'schema_history is append-only: row exists'); END;
CREATE TRIGGER orders_no_delete BEFORE DELETE ON orders BEGIN SELECT RAISE(ABORT, 'rows of orders are never deleted'); END;
CREATE TRIGGER risk_breaches_no_delete BEFORE DELETE ON risk_breaches BEGIN SELECT RAISE(ABORT, 'rows of risk_breaches are never deleted'); END;
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head BEGIN SELECT RAISE(ABORT, 'rows of audit_head are never deleted'); END;
CREATE TRIGGER trade_journal_edit_is_recorded BEFORE UPDATE OF user_rationale ON trade_journal WHEN NOT EXISTS (SELECT 1 FROM journal_edits AS e WHERE e.seq = (SELECT max(seq) FROM journal_edits WHERE journal_id = OLD.id AND field = 'user_rationale') AND e.before IS OLD.user_rationale AND e.after IS NEW.user_rationale) BEGIN SELECT RAISE(ABORT, 'a rationale may change only together with its row in journal_edits'); END;
CREATE INDEX ix_statement_lines_execution ON statement_lines(broker, account_id, execution_id);
CREATE INDEX ix_statement_lines_trade ON statement_lines(broker, account_id, trade_id);
CREATE INDEX ix_cash_movements_time ON cash_movements(account_id, at_utc);
CREATE TRIGGER statement_lines_no_update BEFORE UPDATE ON statement_lines BEGIN SELECT RAISE(ABORT, 'statement_lines is append-only: no update'); END;
CREATE TRIGGER statement_lines_no_delete BEFORE DELETE ON statement_lines BEGIN SELECT RAISE(ABORT, 'statement_lines is append-only: no delete'); END;
CREATE TRIGGER statement_lines_no_replace BEFORE INSERT ON statement_lines WHEN EXISTS (SELECT 1 FROM statement_lines WHERE broker = NEW.broker AND account_id = NEW.account_id AND line_id = NEW.line_id) BEGIN SELECT RAISE(ABORT, 'statement_lines is append-only: row exists'); END;
CREATE TRIGGER cash_movements_no_update BEFORE UPDATE ON cash_movements BEGIN SELECT RAISE(ABORT, 'cash_movements is append-only: no update'); END;
CREATE TRIGGER cash_movements_no_delete BEFORE DELETE ON cash_movements BEGIN SELECT RAISE(ABORT, 'cash_movements is append-only: no delete'); END;
CREATE TRIGGER cash_movements_no_replace BEFORE INSERT ON cash_movements WHEN EXISTS (SELECT 1 FROM cash_movements WHERE broker = NEW.broker AND account_id = NEW.account_id AND movement_id = NEW.movement_id) BEGIN SELECT RAISE(ABORT, 'cash_movements is append-only: row exists'); END;
CREATE TRIGGER statement_days_no_update BEFORE UPDATE ON statement_days BEGIN SELECT RAISE(ABORT, 'statement_days is append-only: no update'); END;
CREATE TRIGGER statement_days_no_delete BEFORE DELETE ON statement_days BEGIN SELECT RAISE(ABORT, 'statement_days is append-only: no delete'); END;
CREATE TRIGGER statement_days_no_replace BEFORE INSERT ON statement_days WHEN EXISTS (SELECT 1 FROM statement_days WHERE broker = NEW.broker AND account_id = NEW.account_id AND first_day = NEW.first_day AND last_day = NEW.last_day) BEGIN SELECT RAISE(ABORT, 'statement_days is append-only: row exists'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('order_audit_log',2);
INSERT INTO "sqlite_sequence" VALUES('executions',2);
INSERT INTO "sqlite_sequence" VALUES('execution_fees',2);
INSERT INTO "sqlite_sequence" VALUES('journal_search',1);
INSERT INTO "sqlite_sequence" VALUES('journal_edits',2);
INSERT INTO "sqlite_sequence" VALUES('desk_state',1);
INSERT INTO "sqlite_sequence" VALUES('statement_lines',1);
COMMIT;
