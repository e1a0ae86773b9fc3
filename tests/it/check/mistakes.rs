//! A table of mistakes: each is said once, at its very place, with the nearest valid name or what is allowed there.
//! In a row `»` marks the place; it is not part of the file.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

pub(super) const PIPELINE: &str = r#"connector: local
connectors:
  local: { kind: kafka, bootstrap: ["localhost:1"], client: { client.id: "${SECRET}" } }
pipeline:
  name: fraud
  source:
    topic: payments
    group: fraud
    format: json
    columns:
      payment_id: string
      amount: float64
      currency: { type: string, nullable: true }
      merchant_id: { type: string, path: merchant.id }
      card_age_days: { type: int64, default: 0 }
      at: { type: timestamp, unit: s }
  steps:
    - sql: SELECT *, ln(1 + amount) AS log_amount FROM input WHERE currency = 'EUR'
    - lookup: { table: merchants, on: merchant_id, columns: [risk], missing: { risk: 0.5 } }
    - model: { path: fraud.onnx, inputs: { features: [log_amount, card_age_days, risk] }, outputs: { score: fraud_score } }
    - sql: SELECT payment_id, at, fraud_score FROM input
  sink: { topic: fraud-scores, format: json, key: payment_id, linger: 5ms, headers: { made-by: "${SECRET}" } }
  dead_letters: { topic: payments.dead, stop_after: { consecutive: 10 } }
  on_reject: stop
  delivery: at-least-once
  commit: { every: 1s, max_records: 1000 }
  lanes: 2
  memory: 64MiB
  batch: { max_rows: 256 }
tables:
  merchants: { file: merchants.csv, key: merchant_id, columns: { merchant_id: string, risk: float64 } }
telemetry: { listen: "127.0.0.1:9464" }
"#;

/// What a mistake is: text of the pipeline, what stands there instead, and what is said.
type Row = (&'static str, &'static str, &'static [&'static str]);

const TYPOS: &[Row] = &[
    (
        "connector: local",
        "»conector: local",
        &["unknown key `conector`", "did you mean `connector`?"],
    ),
    (
        "pipeline:",
        "»pipelne:",
        &["unknown key `pipelne`", "did you mean `pipeline`?"],
    ),
    (
        "kind: kafka",
        "»knd: kafka",
        &["unknown key `knd`", "did you mean `kind`?"],
    ),
    (
        "bootstrap",
        "»boostrap",
        &["unknown key `boostrap`", "did you mean `bootstrap`?"],
    ),
    (
        "name: fraud",
        "»nme: fraud",
        &["unknown key `nme`", "did you mean `name`?"],
    ),
    (
        "group: fraud",
        "»gruop: fraud",
        &["unknown key `gruop`", "did you mean `group`?"],
    ),
    (
        "nullable: true",
        "»nulable: true",
        &["did you mean `nullable`?", "allowed: ", "default"],
    ),
    (
        "- sql: SELECT *",
        "- »slq: SELECT *",
        &["did you mean `sql`?", "allowed: sql, lookup, model"],
    ),
    (
        "lookup: { table: merchants, on: merchant_id",
        "»lookup: { table: merchants, »key: merchant_id",
        &[
            "`key` does not belong here",
            "the key `on` is missing under `lookup`",
            "allowed here: table, on, columns, missing",
        ],
    ),
    (
        "inputs:",
        "»input:",
        &["did you mean `inputs`?", "allowed: path, inputs, outputs"],
    ),
    ("linger: 5ms", "»lingr: 5ms", &["did you mean `linger`?"]),
    (
        "stop_after:",
        "»stop_aftr:",
        &["did you mean `stop_after`?", "topic"],
    ),
    ("consecutive:", "»consecutve:", &["did you mean `consecutive`?"]),
    (
        "every:",
        "»evry:",
        &["did you mean `every`?", "allowed: every, max_records"],
    ),
    ("max_rows:", "»max_row:", &["did you mean `max_rows`?"]),
    (
        "file: merchants",
        "»fle: merchants",
        &["did you mean `file`?", "allowed: file, key, columns"],
    ),
    ("listen:", "»listn:", &["did you mean `listen`?"]),
    (
        "  group: fraud\n",
        "  group: fraud\n    »lanes: 2\n",
        &["`lanes` does not belong here", "a key of `pipeline`"],
    ),
    (
        "format: json\n",
        "format: { »jsn: {} }\n",
        &["unknown key `jsn`", "did you mean `json`?"],
    ),
];

const VALUES: &[Row] = &[
    ("kind: kafka", "kind: »kafak", &["did you mean `kafka`?"]),
    (
        "amount: float64",
        "amount: »flot64",
        &["not a type: did you mean `float64`? allowed: bool, int32, int64, float32"],
    ),
    ("type: int64", "type: »integer", &["not a type", "bool, int32"]),
    ("unit: s", "unit: »sec", &["allowed: s, ms, us, ns"]),
    (
        "nullable: true",
        "nullable: »\"yes\"",
        &["expected true or false", "found a string"],
    ),
    (
        "topic: payments\n",
        "topic: »[payments]\n",
        &["expected a string", "`payments`", "found a list"],
    ),
    ("lanes: 2", "lanes: »0", &["must be at least 1"]),
    (
        "lanes: 2",
        "lanes: »many",
        &["expected a whole number, such as `2`", "found a string"],
    ),
    ("lanes: 2", "lanes: »70000", &["must be at most 65535"]),
    ("memory: 64MiB", "memory: »64MB", &["not a size such as `512MiB`"]),
    (
        "memory: 64MiB",
        "memory: »64",
        &["expected a size such as `512MiB`", "found a number"],
    ),
    ("linger: 5ms", "linger: »5 ms", &["not a duration such as `5ms`"]),
    ("every: 1s", "every: »1", &["expected a duration such as `5ms`"]),
    ("max_rows: 256", "max_rows: »0", &["must be at least 1"]),
    ("max_records: 1000", "max_records: »-1", &["must be at least 1"]),
    ("on_reject: stop", "on_reject: »halt", &["allowed: stop, drop"]),
    (
        "delivery: at-least-once",
        "delivery: »exactly-once",
        &["exactly-once is not built yet", "at-least-once"],
    ),
    (
        "linger: 5ms",
        "compression: »lz5",
        &["did you mean `lz4`?", "allowed: none, gzip, snappy, lz4, zstd"],
    ),
    ("linger: 5ms", "include: »all", &["allowed: original"]),
    (
        "  group: fraud\n",
        "  group: fraud\n    on_gap: »erliest\n",
        &["did you mean `earliest`?", "stop, earliest, latest"],
    ),
    (
        "  group: fraud\n",
        "  group: fraud\n    event_time: »amount\n",
        &["column `amount` is no timestamp", "`timestamp`"],
    ),
    (
        "  group: fraud\n",
        "  group: fraud\n    event_time: »when\n",
        &["there is no column `when`", "timestamp: `at`"],
    ),
    (
        "  group: fraud\n",
        "  group: fraud\n    group_protocol: »eager\n",
        &["cooperative-sticky, range, consumer"],
    ),
    (
        "  group: fraud\n",
        "  group: fraud\n    start: »yesterday\n",
        &["earliest, latest or a timestamp such as 2026-01-31T"],
    ),
    (
        "format: json\n",
        "format: »xml\n",
        &["not a format: json, avro, json-schema, protobuf, raw"],
    ),
    (
        "\"127.0.0.1:9464\"",
        "»localhost",
        &["not an address such as 127.0.0.1:9464"],
    ),
    (
        "topic: payments\n",
        "topic: payments\n    »topics: [other]\n",
        &["exactly one of `topic`, `topics` and `pattern`"],
    ),
    (
        "topic: payments\n",
        "pattern: »payments.*\n",
        &["begins with `^`", "`^payments-.*`"],
    ),
    (
        "topic: payments\n",
        "topics: »[]\n",
        &["must not be empty", "a list", "`[\"payments\"]`"],
    ),
    ("[\"localhost:1\"]", "»[]", &["must not be empty", "a list"]),
    (
        "[log_amount, card_age_days, risk]",
        "»[]",
        &["must not be empty: expected a column or a list of columns"],
    ),
    (
        "missing: { risk: 0.5 }",
        "missing: »zero",
        &["null, reject, or a value for each column"],
    ),
    (
        "{ risk: 0.5 }",
        "{ risk: »high }",
        &["`missing` of `risk`", "a number such as 0.5"],
    ),
    (
        "default: 0",
        "default: »none",
        &["column `card_age_days`", "expected a whole number"],
    ),
    (
        "{ type: int64, default: 0 }",
        "{ type: int64, unit: »s }",
        &["`unit` is for columns of type timestamp"],
    ),
    (
        "      amount: float64",
        "      »_amount: float64\n      amount: float64",
        &["kept for a record's metadata", "`path`"],
    ),
    (
        "- sql: SELECT payment_id, at, fraud_score FROM input",
        "- »{ sql: a, lookup: { table: t, on: a } }",
        &["takes exactly one of: sql, lookup, model"],
    ),
    (
        "[\"localhost:1\"]",
        "[»\"${NOT_SET}\"]",
        &["`NOT_SET` is not set", "${NOT_SET:-default}"],
    ),
    (
        "group: fraud",
        "group: »${file:absent.txt}",
        &["read `absent.txt`"],
    ),
    ("group: fraud", "group: »${UNCLOSED", &["without its `}`"]),
    (
        "connector: local",
        "connector: »lokal",
        &["there is no connector `lokal`", "did you mean `local`?"],
    ),
    (
        "client.id: \"${SECRET}\"",
        "»acks: 1",
        &["Forebay's own", "in-sync"],
    ),
];

const YAML: &[Row] = &[
    (
        "  name: fraud\n",
        "  name: fraud\n  »name: other\n",
        &["`name` is given twice, first in line 5"],
    ),
    (
        "  name: fraud\n",
        "»\tname: fraud\n",
        &["a tab cannot indent YAML: use spaces"],
    ),
    (
        "amount: float64",
        "amount: »&kind float64",
        &["anchors and aliases are not supported", "${NAME}"],
    ),
    ("amount: float64", "amount: »*kind", &["alias"]),
    (
        "      amount: float64",
        "      »<<: { b: int64 }\n      amount: float64",
        &["merge keys (`<<`) are not supported"],
    ),
    (
        "amount: float64",
        "amount: »!!str float64",
        &["tags are not supported"],
    ),
    (
        "telemetry: {",
        "»---\ntelemetry: {",
        &["a second YAML document", "exactly one"],
    ),
    (
        "  group: fraud\n",
        "  group: fraud\n   »format: json\n",
        &["not valid YAML"],
    ),
];

const SQL: &[Row] = &[
    (
        "ln(1 + amount)",
        "ln(1 + »amont)",
        &[
            "unknown column \"amont\"",
            "did you mean \"amount\"?",
            "there are: ",
        ],
    ),
    (
        "ln(1 + amount)",
        "»lnn(1 + amount)",
        &["unknown function lnn", "did you mean \"ln\"?"],
    ),
    (
        "ln(1 + amount)",
        "»sum(amount)",
        &["the aggregate sum is not supported", "behind the sink"],
    ),
    (
        "ln(1 + amount)",
        "»row_number() OVER ()",
        &["the window function row_number is not supported"],
    ),
    (
        "ln(1 + amount) AS",
        "»ln(1 + currency) AS",
        &["log_amount", "Int64 + Utf8"],
    ),
    (
        "SELECT *, ln",
        "SELECT *, »payment_id, ln",
        &["two columns are named \"payment_id\""],
    ),
    (
        "FROM input WHERE",
        "FROM input »JOIN input b ON true WHERE",
        &["JOIN is not supported", "`lookup` step"],
    ),
    (
        "FROM input WHERE",
        "FROM »events WHERE",
        &["unknown table events", "the only table is `input`"],
    ),
    (
        "SELECT payment_id, at",
        "SELECT »DISTINCT payment_id, at",
        &["DISTINCT is not supported"],
    ),
    (
        "fraud_score FROM input",
        "fraud_score FROM input »ORDER BY at",
        &["ORDER BY is not supported", "order of their records"],
    ),
    (
        "fraud_score FROM input",
        "fraud_score FROM input »LIMIT 3",
        &["LIMIT", "WHERE"],
    ),
    (
        "fraud_score FROM input",
        "fraud_score FROM input »GROUP BY at",
        &["GROUP BY is not supported"],
    ),
    (
        "fraud_score FROM input",
        "fraud_score FROM input WHERE »at + 1",
        &["the filter"],
    ),
    (
        "fraud_score FROM input",
        "(fraud_score »FROM input",
        &["cannot be parsed", "Expected: )"],
    ),
];

const COLUMNS: &[Row] = &[
    (
        "table: merchants",
        "table: »merchant",
        &["no such table", "did you mean \"merchants\"?"],
    ),
    (
        "on: merchant_id",
        "on: »merchantid",
        &["unknown column \"merchantid\"", "did you mean \"merchant_id\"?"],
    ),
    (
        "on: merchant_id",
        "on: »amount",
        &["is float64", "the table's key \"merchant_id\" is string"],
    ),
    (
        "columns: [risk], missing: { risk: 0.5 }",
        "columns: [»rsk]",
        &["no column \"rsk\"", "did you mean \"risk\"?"],
    ),
    (
        "missing: { risk: 0.5 }",
        "missing: { »rsk: 0.5 }",
        &["`missing` names \"rsk\"", "did you mean \"risk\"?"],
    ),
    (
        "file: merchants.csv",
        "file: »absent.csv",
        &["table \"merchants\"", "absent.csv"],
    ),
    (
        "file: merchants.csv",
        "file: »merchants.xlsx",
        &[".csv, .parquet, .jsonl"],
    ),
    (
        "key: merchant_id, columns",
        "key: »merchant, columns",
        &["did you mean \"merchant_id\"?"],
    ),
    (
        "string, risk: float64",
        "string, risk: »{ type: float64, path: rsk }",
        &["\"rsk\" is not in the file", "did you mean \"risk\"?"],
    ),
    ("path: fraud.onnx", "path: »absent.onnx", &["absent.onnx"]),
    (
        "kind: kafka,",
        "kind: kafka, tls: { ca: »absent.pem },",
        &["read `absent.pem`", "relative to the pipeline file"],
    ),
    ("path: fraud.onnx", "path: »merchants.csv", &["merchants.csv"]),
    (
        "{ features:",
        "{ »feature:",
        &["no input `feature`", "did you mean \"features\"?"],
    ),
    (
        "card_age_days, risk]",
        "»card_age_days_, risk]",
        &["no column `card_age_days_`", "did you mean"],
    ),
    (
        "[log_amount, card_age_days, risk]",
        "»[log_amount, risk]",
        &["float32[rows, 3]", "takes 3 values a row", "give 2"],
    ),
    (
        "card_age_days, risk]",
        "»payment_id, risk]",
        &[
            "\"payment_id\" (string) does not fit the tensor `features`",
            "CAST",
        ],
    ),
    (
        "{ score: fraud_score }",
        "{ »scor: fraud_score }",
        &["no output `scor`", "did you mean \"score\"?"],
    ),
    (
        "{ score: fraud_score } }\n    - sql: SELECT payment_id, at, fraud_score",
        "{ score: »amount } }\n    - sql: SELECT payment_id, at, amount",
        &["\"amount\", which there is already"],
    ),
    (
        "key: payment_id, linger",
        "key: »payment, linger",
        &["unknown column `payment`", "did you mean `payment_id`?"],
    ),
    (
        "format: json, key",
        "format: »raw, key",
        &["raw payloads", "column=at"],
    ),
];

/// The mistakes in keys and values: what stands there, and the file.
pub(super) fn in_keys_and_values() -> impl Iterator<Item = (&'static str, String)> {
    let rows = TYPOS.iter().chain(VALUES);
    rows.map(|(from, to, _)| (*to, unmarked(&PIPELINE.replacen(from, to, 1)).0))
}

/// `check --json` on a file beside a table and a model: exit code and JSON.
pub(super) fn check(text: &str) -> (Option<i32>, Value) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("p.yaml");
    fs::write(&path, text).expect("a file");
    fs::write(folder.path().join("merchants.csv"), "merchant_id,risk\nm1,0.25\n").expect("a table");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/models/sum.onnx");
    fs::copy(model, folder.path().join("fraud.onnx")).expect("a model");
    let mut command = crate::forebay(&["check", "--json", path.to_str().expect("a path")]);
    command.env("SECRET", "hunter2").env_remove("NOT_SET");
    let output = crate::output(command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!said.contains("hunter2"), "{said}");
    (output.status.code(), serde_json::from_str(&said).expect("JSON"))
}

/// The connector of the pipeline above.
const CONNECTOR: &str =
    r#"local: { kind: kafka, bootstrap: ["localhost:1"], client: { client.id: "${SECRET}" } }"#;

const CLOUDS: &[Row] = &[
    (
        CONNECTOR,
        "local: { kind: msk, cluster_arn: »prod, auth: { iam: {} } }",
        &["not the ARN of an MSK cluster, such as arn:aws:kafka:"],
    ),
    (
        CONNECTOR,
        "local: { kind: msk, cluster_arn: arn:aws:kafka:eu-west-1:111122223333:cluster/a/b-7, auth: { »iamm: {} } }",
        &["did you mean `iam`?", "allowed: iam, scram, mtls"],
    ),
    (
        CONNECTOR,
        "local: { kind: msk, bootstrap: [k:9098], region: eu-west-1, auth: »iam }",
        &["write `auth: { iam: {} }`"],
    ),
    (
        CONNECTOR,
        "local: { kind: msk, bootstrap: [k:9096], region: eu-west-1, auth: »scram }",
        &["write `auth: { scram: { username: …, password: … } }`"],
    ),
    (
        CONNECTOR,
        "local: { kind: msk, bootstrap: [k:9098], region: eu-west-1, auth: { iam»: } }",
        &["expected a map; found nothing; write `iam: {}`"],
    ),
    (
        CONNECTOR,
        "local: { kind: event-hubs, namespace: contoso, auth: »managed_identity }",
        &["expected a map; found a string; write `auth: { managed_identity: {} }`"],
    ),
    (
        CONNECTOR,
        "local: { kind: event-hubs, namespace: contoso, auth: »connection_string }",
        &["write `auth: { connection_string: … }`"],
    ),
    (
        CONNECTOR,
        "local: { kind: event-hubs, namespace: »\"https://contoso.servicebus.windows.net\", auth: { azure_cli: {} } }",
        &["the namespace's name or host alone, without `https://`"],
    ),
    (
        CONNECTOR,
        "local: { kind: kafka, bootstrap: [k:9092], schema_registry: »\"http://k:8081\" }",
        &["found a string; write `schema_registry: { url: … }`"],
    ),
    (
        CONNECTOR,
        "local: { kind: msk, cluster_arn: arn:aws:kafka:eu-west-1:111122223333:cluster/a/b-7, auth: »no }",
        &["not iam, scram, mtls or none"],
    ),
    (
        CONNECTOR,
        "»local: { kind: msk, auth: none }",
        &["add `cluster_arn`, or `bootstrap`"],
    ),
    (
        CONNECTOR,
        "local: { kind: msk, bootstrap: [»b-1.a.b.c2.kafka.eu-west-1.amazonaws.com:9092], auth: { iam: {} } }",
        &["port 9092 is MSK's plaintext listener", "9098"],
    ),
    (
        CONNECTOR,
        "local: { kind: confluent, bootstrap: [k:9092], auth: »{ api_key: A } }",
        &["`api_secret` is missing"],
    ),
    (
        CONNECTOR,
        "local: { kind: confluent, bootstrap: [k:9092], auth: { »api_kye: A } }",
        &["did you mean `api_key`?", "allowed: api_key, api_secret, oauth"],
    ),
    (
        CONNECTOR,
        "local: { kind: event-hubs, namespace: contoso, tier: »basic, auth: { managed_identity: {} } }",
        &["no Kafka endpoint", "Standard"],
    ),
    (
        CONNECTOR,
        "local: { kind: event-hubs, auth: { connection_string: »\"${SECRET}\" } }",
        &["NAME=VALUE", "SharedAccessKey"],
    ),
    (
        CONNECTOR,
        "local: { kind: event-hubs, auth: { connection_string: »\"Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=b\" } }",
        &["holds no `SharedAccessKey`"],
    ),
    (
        CONNECTOR,
        "local: { kind: event-hubs, namespace: contoso, auth: »{ managed_identity: {}, azure_cli: {} } }",
        &["takes exactly one of"],
    ),
    (
        CONNECTOR,
        "local: { kind: google, bootstrap: [k:9092], »auth: {} }",
        &["unknown key `auth`", "service_account"],
    ),
    (
        CONNECTOR,
        "local: { kind: kafka, bootstrap: [k:9092], schema_registry: { »ulr: https://k } }",
        &["unknown key `ulr`", "did you mean `url`?"],
    ),
    (
        CONNECTOR,
        "local: { kind: kafka, bootstrap: [k:9092], schema_registry: { url: »k:8081 } }",
        &["write http:// or https://"],
    ),
    (
        CONNECTOR,
        "local: { kind: confluent, bootstrap: [k:9092], auth: { api_key: A, api_secret: b }, schema_registry: { url: https://k, api_key: »C } }",
        &["`api_secret` is missing"],
    ),
    (
        CONNECTOR,
        "local: { kind: google, bootstrap: [k:9092], schema_registry: »{ url: https://k, bearer: a, username: b, password: c } }",
        &["in several ways"],
    ),
];

/// What stands against the limits of a service: the connector, then the row.
const LIMITS: &[Row] = &[
    (
        "linger: 5ms",
        "compression: »snappy",
        &["`snappy` does not work here", "gzip alone", "allowed: none"],
    ),
    (
        "every: 1s",
        "every: »500ms",
        &["four commits a second", "at least 1s"],
    ),
    (
        "  group: fraud\n",
        "  group: fraud\n    group_protocol: »consumer\n",
        &["KIP-848", "cooperative-sticky, range"],
    ),
    (
        "topic: fraud-scores",
        "topic: »other",
        &["`other` is not `payments`", "EntityPath"],
    ),
];

#[test]
fn what_a_service_does_not_do_is_refused_where_it_is_asked_for() {
    let string = "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=b;SharedAccessKey=hunter2";
    for (number, (from, to, words)) in LIMITS.iter().enumerate() {
        let entity = if number == 3 { ";EntityPath=payments" } else { "" };
        let connector =
            format!("local: {{ kind: event-hubs, auth: {{ connection_string: \"{string}{entity}\" }} }}");
        let file = PIPELINE
            .replace(CONNECTOR, &connector)
            .replacen("payments.dead", "payments", 1);
        let (text, places) = unmarked(&file.replacen(from, to, 1));
        let (code, json) = check(&text);
        let said = problems(&json);
        assert_eq!(code, Some(2), "{to}: {said:?}");
        assert_eq!(
            said.iter().map(|(place, _)| *place).collect::<Vec<_>>(),
            places,
            "{said:?}"
        );
        assert!(words.iter().all(|word| said[0].1.contains(word)), "{said:?}");
    }
}

/// The file without its marks, and where they stood.
fn unmarked(text: &str) -> (String, Vec<(u64, u64)>) {
    let (mut line, mut column) = (1, 1);
    let (mut out, mut places) = (String::new(), Vec::new());
    for c in text.chars() {
        match c {
            '»' => places.push((line, column)),
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
        if c != '»' {
            out.push(c);
        }
    }
    (out, places)
}

fn problems(json: &Value) -> Vec<((u64, u64), String)> {
    let all = json["problems"].as_array().expect("problems").iter();
    let one = |p: &Value| {
        assert_eq!(p["severity"], "error");
        assert!(
            p["file"].as_str().is_some_and(|file| file.ends_with("p.yaml")),
            "{p}"
        );
        let number = |name: &str| p[name].as_u64().expect("a number");
        let message = p["message"].as_str().expect("a message").to_owned();
        ((number("line"), number("column")), message)
    };
    all.map(one).collect()
}

/// What is wrong with what is said of a row.
fn wrong((from, to, words): &Row) -> Option<String> {
    assert_eq!(PIPELINE.matches(from).count().min(1), 1, "{from}");
    let (text, places) = unmarked(&PIPELINE.replacen(from, to, 1));
    let (code, json) = check(&text);
    let said = problems(&json);
    let found: Vec<(u64, u64)> = said.iter().map(|(place, _)| *place).collect();
    let lacks = words
        .iter()
        .find(|word| !said.iter().any(|(_, text)| text.contains(**word)));
    let right = code == Some(2) && json["fits"] == false && found == places && lacks.is_none();
    (!right).then(|| format!("{to}\n  wanted {places:?} {lacks:?}\n  said {said:#?}"))
}

fn table(rows: &[Row]) {
    let wrong: Vec<String> = rows.iter().filter_map(wrong).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_pipeline_without_a_mistake_fits() {
    let (code, json) = check(PIPELINE);
    assert_eq!(code, Some(0), "{json:#}");
}

#[test]
fn typos_in_keys_name_the_key_that_was_meant() {
    table(TYPOS);
}

#[test]
fn values_that_do_not_fit_name_what_is_allowed() {
    table(VALUES);
}

#[test]
fn what_a_cloud_does_not_do_is_said_before_any_data_moves() {
    table(CLOUDS);
}

#[test]
fn what_yaml_allows_and_a_pipeline_does_not_is_said_where_it_stands() {
    table(YAML);
}

#[test]
fn queries_are_refused_at_the_word() {
    table(SQL);
}

#[test]
fn columns_tables_and_tensors_are_named_where_they_are_used() {
    table(COLUMNS);
}

#[test]
fn an_empty_file_says_what_is_needed() {
    for text in ["", "\n\n", "# nothing\n", "---\n", "~\n"] {
        let (code, json) = check(text);
        let said = problems(&json);
        assert_eq!(code, Some(2));
        assert!(
            said.len() == 1 && said[0].1.contains("`connectors` and `pipeline`"),
            "{text}: {said:?}"
        );
    }
}
