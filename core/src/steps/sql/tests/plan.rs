use arrow::datatypes::{DataType, TimeUnit};

use super::plan;
use crate::steps::about::About;

/// `name` or `name?` where nullable.
fn output(sql: &str) -> Vec<String> {
    let output = plan(sql).unwrap().output;
    let field = |field: &arrow::datatypes::FieldRef| {
        format!("{}{}", field.name(), if field.is_nullable() { "?" } else { "" })
    };
    output.fields().iter().map(field).collect()
}

#[test]
fn star_is_every_column_and_no_metadata() {
    let all = [
        "id",
        "amount",
        "currency?",
        "rate?",
        "count?",
        "cardAge",
        "text",
        "flag",
        "blob",
        "p",
        "place",
    ];
    assert_eq!(output("SELECT * FROM input"), all);
    assert_eq!(output("SELECT input.* FROM input"), all);
    assert_eq!(output("SELECT i.*, i.id AS k FROM input AS i").len(), 12);
    let rest = output("SELECT * EXCLUDE (p, place, blob, id), 1 AS one FROM input");
    assert_eq!(
        rest,
        [
            "amount",
            "currency?",
            "rate?",
            "count?",
            "cardAge",
            "text",
            "flag",
            "one"
        ]
    );
    assert_eq!(output("SELECT * EXCEPT (id) FROM input").len(), 10);
    assert_eq!(output("FROM Input SELECT id, -- the key\n flag;"), ["id", "flag"]);
}

#[test]
fn columns_are_named_by_alias_or_as_they_are_written() {
    let sql = "SELECT id, input.amount, (cardAge), ln(amount), p[2], place.city, text AS Text FROM input";
    let names = ["id", "amount", "cardAge", "ln(amount)", "p[2]", "city", "Text"];
    assert_eq!(output(sql), names);
}

#[test]
fn nulls_that_a_filter_excludes_are_not_nullable() {
    let cases = [
        ("", true, true),
        ("WHERE rate IS NOT NULL", false, true),
        ("WHERE rate IS NOT NULL AND count IS NOT NULL", false, false),
        ("WHERE rate > 1", false, true),
        ("WHERE rate > 1 AND amount < 3", false, true),
        ("WHERE rate > count", false, false),
        ("WHERE rate > 1 OR count > 1", true, true),
        (
            "WHERE (rate > 1 AND count > 2) OR (rate < 0 AND count = 1)",
            false,
            false,
        ),
        ("WHERE rate IS NULL", true, true),
        ("WHERE NOT (rate IS NULL)", false, true),
        ("WHERE NOT (rate IS NULL OR amount > 1)", true, true),
        ("WHERE rate BETWEEN 1 AND 2", false, true),
        ("WHERE count IN (1, 2)", true, false),
        ("WHERE rate + count > 1", false, false),
        ("WHERE coalesce(rate, 1) > 0", true, true),
        ("WHERE rate IS DISTINCT FROM 1", true, true),
        ("WHERE CAST(rate AS INT) = 1", false, true),
        ("WHERE (rate > 1) IS TRUE", false, true),
        ("WHERE (rate > 1) IS NOT TRUE", true, true),
    ];
    for (filter, rate, count) in cases {
        let fields = plan(&format!(
            "SELECT rate, count, amount, rate * 2 AS twice FROM input {filter}"
        ))
        .unwrap()
        .output;
        let nullable: Vec<bool> = fields.fields().iter().map(|field| field.is_nullable()).collect();
        assert_eq!(nullable, [rate, count, false, rate], "{filter}");
    }
}

#[test]
fn proven_columns_hold_no_null_in_the_rows() {
    let batch =
        super::apply("SELECT rate, currency FROM input WHERE rate > 0 AND currency IS NOT NULL").unwrap();
    assert_eq!(
        super::lines(&batch.rows),
        "{\"rate\":0.5,\"currency\":\"EUR\"}\n{\"rate\":8.0,\"currency\":\"EUR\"}\n"
    );
}

#[test]
fn an_element_that_every_row_has_is_not_nullable() {
    let cases = [
        ("p[1]", false),
        ("p[3]", false),
        ("p[-3]", false),
        ("p[0]", true),
        ("p[4]", true),
        ("p[count]", true),
    ];
    for (expr, nullable) in cases {
        let output = plan(&format!("SELECT {expr} AS it FROM input")).unwrap().output;
        assert_eq!(output.field(0).data_type(), &DataType::Float32, "{expr}");
        assert_eq!(output.field(0).is_nullable(), nullable, "{expr}");
    }
}

#[test]
fn expressions_of_non_null_columns_are_not_nullable() {
    let cases = [
        ("ln(1 + amount)", false),
        ("ln(rate)", true),
        ("round(sqrt(amount), 2) * 2 - cardAge", false),
        ("round(sqrt(amount), count)", true),
        ("upper(id) || text", false),
        ("CAST(CAST(text AS INT) AS DOUBLE)", false),
        ("TRY_CAST(text AS INT)", true),
        ("CASE WHEN flag THEN 1 ELSE 2 END", false),
        ("CASE WHEN rate > 1 THEN 1 ELSE 2 END", false),
        ("CASE WHEN flag THEN 1 END", true),
        ("CASE WHEN flag THEN 1 ELSE count END", true),
        ("coalesce(rate, 0)", false),
        ("coalesce(rate, count)", true),
        ("greatest(rate, amount)", false),
        ("rate IS NULL", false),
        ("id IN ('a', 'b') AND amount BETWEEN 1 AND 2", false),
        ("currency LIKE 'E%'", true),
        ("p[2] + p[3]", false),
        ("ln(1 + p[2])", false),
        ("ln(1 + p[9])", true),
        ("p[9] + p[3]", true),
        ("nullif(id, 'a')", true),
        ("now()", false),
        ("date_part('hour', now())", false),
    ];
    for (expr, nullable) in cases {
        let sql = format!("SELECT {expr} AS it FROM input");
        assert_eq!(
            plan(&sql).unwrap().output.field(0).is_nullable(),
            nullable,
            "{expr}"
        );
        let rows = super::apply(&format!("{sql} WHERE id <> 'd'"));
        assert!(rows.is_ok(), "{expr}: {rows:?}");
    }
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

#[test]
fn types_come_out_plain() {
    let cases = [
        ("CAST(amount AS VARCHAR)", DataType::Utf8),
        ("CAST(amount AS STRING)", DataType::Utf8),
        ("'x'", DataType::Utf8),
        ("substr(text, 1)", DataType::Utf8),
        ("trim(text)", DataType::Utf8),
        ("split_part(text, 's', 1)", DataType::Utf8),
        ("arrow_cast(text, 'Utf8View')", DataType::Utf8),
        ("arrow_cast(text, 'LargeUtf8')", DataType::Utf8),
        ("arrow_cast(blob, 'BinaryView')", DataType::Binary),
        ("CAST(text AS BYTEA)", DataType::Binary),
        ("CAST(amount AS SMALLINT)", DataType::Int32),
        ("CAST(amount AS INT UNSIGNED)", DataType::Int64),
        ("array_length(p)", DataType::Int64),
        ("CAST(amount AS REAL)", DataType::Float32),
        ("TIMESTAMP '2024-01-01'", utc()),
        ("to_timestamp_millis(cardAge)", utc()),
        ("date_trunc('hour', _timestamp)", utc()),
        ("_timestamp + INTERVAL '1 hour'", utc()),
    ];
    for (expr, expected) in cases {
        let output = plan(&format!("SELECT {expr} AS it FROM input")).unwrap().output;
        assert_eq!(output.field(0).data_type(), &expected, "{expr}");
        super::apply(&format!("SELECT {expr} AS it FROM input")).unwrap();
    }
}

#[test]
fn about_names_what_columns_read_and_the_filter() {
    let plan = plan("SELECT id, rate FROM input WHERE currency = 'EUR'").unwrap();
    let About::Sql(about) = plan.about else {
        panic!("a query")
    };
    let reads: Vec<&str> = about
        .columns
        .iter()
        .flat_map(|c| &c.reads)
        .map(String::as_str)
        .collect();
    assert_eq!(reads, ["id", "rate"]);
    let filter = about.filter.map(|filter| (filter.text, filter.reads));
    assert_eq!(
        filter,
        Some(("currency = 'EUR'".to_owned(), vec!["currency".to_owned()]))
    );
    assert!(plan.warnings.is_empty());
}
