use super::refusal;
use crate::error::Kind;

#[test]
fn what_no_step_can_do_is_refused_with_an_alternative() {
    let cases: [(&str, &[&str]); 45] = [
        (
            "SELECT count(*) FROM input",
            &["aggregate count", "aggregate the results"],
        ),
        (
            "SELECT SUM(amount) AS s FROM input",
            &["aggregate sum", "together"],
        ),
        (
            "SELECT max(amount) AS s FROM input",
            &["aggregate max", "greatest(a, b)"],
        ),
        (
            "SELECT 1 + min(amount) AS s FROM input",
            &["aggregate min", "least(a, b)"],
        ),
        ("SELECT id FROM input WHERE avg(amount) > 1", &["aggregate avg"]),
        (
            "SELECT id FROM input GROUP BY id",
            &["GROUP BY", "together", "behind the sink"],
        ),
        ("SELECT id FROM input GROUP BY ALL", &["GROUP BY"]),
        ("SELECT id FROM input HAVING id > 1", &["HAVING", "WHERE"]),
        ("SELECT DISTINCT id FROM input", &["DISTINCT", "behind the sink"]),
        (
            "SELECT id FROM input ORDER BY id",
            &["ORDER BY", "order of their records"],
        ),
        ("SELECT id FROM input LIMIT 3", &["LIMIT", "max_rows"]),
        ("SELECT id FROM input OFFSET 3", &["OFFSET"]),
        ("SELECT id FROM input FETCH FIRST 3 ROWS ONLY", &["FETCH"]),
        ("SELECT TOP 3 id FROM input", &["TOP"]),
        (
            "SELECT a.id FROM input a JOIN input b ON a.id = b.id",
            &["JOIN", "lookup"],
        ),
        ("SELECT id FROM input, other", &["more than one table", "lookup"]),
        ("SELECT id FROM input CROSS JOIN UNNEST(p)", &["JOIN"]),
        ("SELECT x FROM UNNEST([1, 2]) AS t(x)", &["UNNEST", "p[1]"]),
        ("SELECT unnest(p) FROM input", &["UNNEST", "p[1]"]),
        (
            "SELECT row_number() OVER (ORDER BY id) AS n FROM input",
            &["window function row_number"],
        ),
        (
            "SELECT sum(amount) OVER () AS n FROM input",
            &["window function sum"],
        ),
        ("SELECT lag(amount) FROM input", &["window function lag"]),
        (
            "SELECT id FROM input UNION ALL SELECT id FROM input",
            &["UNION", "OR"],
        ),
        ("SELECT id FROM input EXCEPT SELECT id FROM input", &["EXCEPT"]),
        (
            "SELECT id FROM (SELECT * FROM input) AS t",
            &["subquery", "step per stage"],
        ),
        ("SELECT id FROM input WHERE amount > (SELECT 1)", &["subquery"]),
        (
            "SELECT id FROM input WHERE id IN (SELECT id FROM input)",
            &["subquery"],
        ),
        ("SELECT id FROM input WHERE EXISTS (SELECT 1)", &["subquery"]),
        (
            "WITH t AS (SELECT 1) SELECT id FROM input",
            &["WITH", "step per stage"],
        ),
        (
            "SELECT id FROM input; SELECT id FROM input",
            &["one statement", "found 2"],
        ),
        ("", &["one statement", "found 0"]),
        (
            "INSERT INTO input VALUES (1)",
            &["INSERT", "SELECT ... FROM input"],
        ),
        ("DELETE FROM input", &["DELETE"]),
        ("VALUES (1, 2)", &["VALUES", "FROM input"]),
        ("SELECT 1", &["FROM is missing", "input"]),
        (
            "SELECT id FROM payments",
            &["unknown table payments", "only table is `input`"],
        ),
        (
            "SELECT ln(DISTINCT amount) AS x FROM input",
            &["aggregate form of ln"],
        ),
        (
            "SELECT ln(amount) FILTER (WHERE flag) AS x FROM input",
            &["aggregate form of ln"],
        ),
        (
            "SELECT id FROM input TABLESAMPLE BERNOULLI (10)",
            &["behind the table's name", "WHERE"],
        ),
        ("SELECT a FROM input AS t(a, b)", &["alias with columns", "AS"]),
        ("FROM input", &["names no column", "SELECT * FROM input"]),
        ("SELECT FROM input", &["names no column"]),
        ("TABLE input", &["cannot be parsed"]),
        ("SELECT id FROM generate_series(1, 3)", &["table function"]),
        ("SELECT id INTO other FROM input", &["INTO"]),
    ];
    for (sql, expected) in cases {
        check(sql, expected);
    }
}

#[test]
fn names_that_do_not_exist_are_said_with_the_nearest() {
    let cases: [(&str, &[&str]); 13] = [
        (
            "SELECT amout FROM input",
            &[
                "unknown column \"amout\"",
                "(line=1, column=8)",
                "did you mean \"amount\"",
                "id, amount, currency",
                "_offset",
            ],
        ),
        (
            "SELECT id,\n  cardage FROM input",
            &["\"cardage\"", "(line=2, column=3)", "did you mean \"cardAge\""],
        ),
        (
            "SELECT ID FROM input",
            &["unknown column \"ID\"", "did you mean \"id\""],
        ),
        (
            "SELECT input.amout FROM input",
            &["unknown column \"amout\"", "amount"],
        ),
        ("SELECT other.id FROM input", &["unknown column \"other\""]),
        (
            "SELECT id FROM input WHERE currency = \"EUR\"",
            &["unknown column \"EUR\"", "single quotes"],
        ),
        (
            "SELECT id FROM input WHERE ln(amoun) > 1",
            &["unknown column \"amoun\"", "amount"],
        ),
        (
            "SELECT * EXCLUDE (amout) FROM input",
            &["unknown column \"amout\"", "amount"],
        ),
        (
            "SELECT _ofset FROM input",
            &["unknown column \"_ofset\"", "did you mean \"_offset\""],
        ),
        (
            "SELECT lnn(amount) FROM input",
            &[
                "unknown function lnn",
                "(line=1, column=8)",
                "did you mean \"ln\"",
            ],
        ),
        (
            "SELECT uper(id) FROM input",
            &["unknown function uper", "did you mean \"upper\""],
        ),
        (
            "SELECT place.town FROM input",
            &["column \"town\"", "not found in struct"],
        ),
        ("SELECT other.* FROM input", &["other", "`input`"]),
    ];
    for (sql, expected) in cases {
        check(sql, expected);
    }
}

#[test]
fn what_does_not_fit_names_the_column() {
    let cases: [(&str, &[&str]); 15] = [
        (
            "SELECT id, amount AS id FROM input",
            &["two columns are named \"id\"", "AS"],
        ),
        (
            "SELECT *, ln(amount) AS amount FROM input",
            &["two columns are named \"amount\"", "EXCLUDE (amount)"],
        ),
        ("SELECT id + 1 - flag AS x FROM input", &["column \"x\""]),
        ("SELECT ln(flag) AS x FROM input", &["column \"x\""]),
        ("SELECT ln() AS x FROM input", &["column \"x\"", "ln"]),
        (
            "SELECT NULL AS x FROM input",
            &["column \"x\" has no type", "CAST(NULL AS"],
        ),
        ("SELECT id FROM input WHERE amount", &["the filter", "Float64"]),
        ("SELECT id FROM input WHERE amount > $1", &["placeholder $1"]),
        (
            "SELECT CAST('abc' AS INT) AS x FROM input",
            &["column \"x\"", "Int32"],
        ),
        (
            "SELECT 1 / 0 AS x FROM input",
            &["column \"x\"", "Divide by zero"],
        ),
        (
            "SELECT id FROM input WHERE 1 / 0 > 1",
            &["the filter", "Divide by zero"],
        ),
        ("SELECT * REPLACE (1 AS id) FROM input", &["REPLACE", "EXCLUDE"]),
        ("SELECT id[1] AS x FROM input", &["column \"x\""]),
        ("SELECT (id FROM input", &["cannot be parsed", "(line=1, column="]),
        (
            "SELECT id\nFROM input\nWHERE amount > )",
            &["cannot be parsed", "(line=3, column="],
        ),
    ];
    for (sql, expected) in cases {
        check(sql, expected);
    }
}

fn check(sql: &str, expected: &[&str]) {
    let error = refusal(sql);
    assert_eq!(error.kind(), Kind::Config, "{sql}: {error}");
    let text = error.to_string();
    assert!(text.starts_with("sql: "), "{sql}: {text}");
    assert!(!text.contains('\n'), "{sql}: {text}");
    for part in expected {
        assert!(text.contains(part), "{sql}\n  said: {text}\n  lacks: {part}");
    }
}
