use forebay_core::model::{Element, Signature, Tensor};

use super::sample::Kind;
use super::{About, Draft, Sample};

fn tensor(name: &str, element: Element, shape: &[usize]) -> Tensor {
    let sizes = shape.iter().map(|size| (*size > 0).then_some(*size));
    Tensor {
        name: name.into(),
        element,
        shape: std::iter::once(None).chain(sizes).collect(),
    }
}

fn draft(inputs: &[Tensor], events: &[&str]) -> Draft {
    let signature = Signature {
        inputs: inputs.to_vec(),
        outputs: vec![tensor("score", Element::F32, &[1])],
    };
    let sample = (!events.is_empty()).then(|| Sample::read("events", events.join("\n").as_bytes()).unwrap());
    Draft::new(about(), &signature, sample.as_ref()).unwrap()
}

fn about() -> About {
    About {
        name: "fraud".into(),
        model: "fraud.onnx".into(),
        sample: Some("events.jsonl".into()),
        topic: None,
        bootstrap: None,
    }
}

fn fills(draft: &Draft) -> Vec<String> {
    draft.inputs.iter().map(|input| input.columns.join(",")).collect()
}

fn guess(draft: &Draft) -> &str {
    draft.inputs[0].guess.as_deref().unwrap_or_default()
}

#[test]
fn a_field_holds_what_it_holds_in_every_event() {
    let events = [
        r#"{"a":1,"b":true,"c":{"d":"x","e":[1,2]},"f":null,"g":1,"h":[1]}"#,
        r#"{"a":1.5,"b":false,"c":{"d":null,"e":[3,4.5]},"f":null,"g":"1","h":[1,2]}"#,
    ];
    let sample = Sample::read("events", events.join("\n").as_bytes()).unwrap();
    let found: Vec<(String, Kind, usize)> = sample
        .fields
        .iter()
        .map(|f| (f.path.join("."), f.kind, f.filled))
        .collect();
    let field = |name: &str, kind, filled| (name.to_owned(), kind, filled);
    assert_eq!(
        found,
        [
            field("a", Kind::Float, 2),
            field("b", Kind::Bool, 2),
            field("c.d", Kind::Text, 1),
            field("c.e", Kind::Numbers(2), 2),
            field("f", Kind::Nothing, 0),
            field("g", Kind::Other, 2),
            field("h", Kind::Other, 2),
        ]
    );
}

#[test]
fn a_wide_tensor_takes_numbers_in_the_order_of_the_events_and_says_so() {
    let wide = [tensor("features", Element::F32, &[3])];
    let event = r#"{"id":7,"amount":1.5,"time":3,"age":2,"name":"x","risk":{"level":0.5},"label":1}"#;
    let all = draft(&wide, &[event]);
    assert_eq!(fills(&all), ["amount,age,level"]);
    assert!(
        guess(&all).contains("in the order of the events"),
        "{}",
        guess(&all)
    );
    let text = all.text();
    for line in [
        "      id: int64\n",
        "      level: { type: float32, path: risk.level }\n",
        "      #   time, name, label\n",
        "          features: [amount, age, level]\n",
        "    - sql: SELECT id, score FROM input\n",
        "key: id }\n",
        "  dead_letters: { topic: fraud-events.dead }\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    // More than it takes, then fewer: those that are seldom features come last.
    assert_eq!(
        fills(&draft(&[tensor("features", Element::F32, &[2])], &[event])),
        ["amount,age"]
    );
    let five = draft(&[tensor("features", Element::F32, &[5])], &[event]);
    assert_eq!(fills(&five), ["id,amount,time,age,level"]);
    let nine = draft(&[tensor("features", Element::F32, &[8])], &[event]);
    assert_eq!(
        fills(&nine),
        ["id,amount,time,age,level,label,features_1,features_2"]
    );
    assert!(
        nine.text()
            .contains("features_2: { type: float32, default: 0.0 }  # guess"),
        "{}",
        nine.text()
    );
}

#[test]
fn a_list_of_the_right_length_comes_before_numbers_side_by_side() {
    let wide = [tensor("pixels", Element::F32, &[2, 2])];
    let one = draft(
        &wide,
        &[r#"{"a":1,"b":2,"c":3,"d":4,"image":[1,2,3,4],"other":[1,2]}"#],
    );
    assert_eq!(
        (fills(&one), guess(&one)),
        (vec!["image".to_owned()], "the only list of its length")
    );
    let named = draft(&wide, &[r#"{"image":[1,2,3,4],"Pixels":[1,2,3,4]}"#]);
    assert_eq!((fills(&named), guess(&named)), (vec!["Pixels".to_owned()], ""));
    assert!(named.text().contains("Pixels: float32[4]\n"), "{}", named.text());
    let open = draft(
        &[tensor("x", Element::F64, &[0])],
        &[r#"{"id":"a","p":1,"q":2.5}"#],
    );
    assert_eq!(fills(&open), ["p,q"]);
    assert!(guess(&open).contains("does not say how many"));
}

#[test]
fn tensors_of_one_value_take_the_field_of_their_name() {
    let inputs = [
        tensor("card_age", Element::I64, &[1]),
        tensor("Amount", Element::F32, &[]),
        tensor("city", Element::String, &[1]),
        tensor("merchant_riks", Element::F64, &[1]),
        tensor("absent", Element::F32, &[1]),
    ];
    let event = r#"{"amount":1.5,"merchantRisk":0.1,"cardAge":3,"city":"x","order-id":"o1"}"#;
    let named = draft(&inputs, &[event]);
    assert_eq!(
        fills(&named),
        ["cardAge", "amount", "city", "merchantRisk", "absent"]
    );
    let guesses: Vec<bool> = named.inputs.iter().map(|input| input.guess.is_some()).collect();
    assert_eq!(guesses, [false, false, false, true, false]);
    let text = named.text();
    assert!(
        text.contains("absent: { type: float32, default: 0.0 }  # guess"),
        "{text}"
    );
    assert!(
        text.contains("order_id: { type: string, path: order-id }"),
        "{text}"
    );
    // A fraction does not fit a tensor of whole numbers.
    let whole = draft(&[tensor("amount", Element::I64, &[1])], &[event]);
    assert_eq!(fills(&whole), ["amount_2"], "{}", whole.text());
}

#[test]
fn what_some_events_lack_is_a_remark_and_no_default() {
    let wide = [tensor("features", Element::F32, &[2])];
    let text = draft(&wide, &[r#"{"a":1,"b":2}"#, r#"{"a":null,"b":2}"#, r#"{"b":2}"#]).text();
    assert!(
        text.contains("a: float32  # guess: 2 of 3 events are without it"),
        "{text}"
    );
    // Without anything that looks like a key the event's own stays, and every column goes on.
    assert!(
        text.contains("format: json }  # with the event's own key") && !text.contains("sql"),
        "{text}"
    );
}

#[test]
fn the_key_is_what_tells_events_apart() {
    let key = |events: &[&str]| draft(&[tensor("amount", Element::F32, &[1])], events).key;
    let two = |a: &str, b: &str| key(&[a, b]);
    assert_eq!(
        two(
            r#"{"user_id":1,"amount":1,"orderId":"a"}"#,
            r#"{"user_id":1,"amount":1,"orderId":"b"}"#
        ),
        Some("orderId".into())
    );
    assert_eq!(
        two(
            r#"{"x_id":1,"id":1,"amount":1}"#,
            r#"{"x_id":2,"id":2,"amount":1}"#
        ),
        Some("id".into())
    );
    assert_eq!(two(r#"{"paid":1,"amount":1}"#, r#"{"paid":2,"amount":1}"#), None);
    assert_eq!(two(r#"{"id":1,"amount":1}"#, r#"{"amount":1}"#), None);
}

#[test]
fn names_that_yaml_sql_or_columns_take_otherwise_are_written_so_that_they_are_read() {
    let wide = [tensor("in put:0", Element::F32, &[4])];
    let event = r#"{"_id":"x","on":1,"order":2,"a b":3,"x.y":4,"deep":{"on":5}}"#;
    let text = draft(&wide, &[event]).text();
    for line in [
        "      id: { type: string, path: _id }\n",
        "      \"on\": float32\n",
        "      order: float32\n",
        "      a_b: { type: float32, path: \"a b\" }\n",
        "      x.y: float32\n",
        "          \"in put:0\": [\"on\", order, a_b, x.y]\n",
        "      #   deep.on\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[test]
fn without_events_the_columns_have_the_models_names() {
    let text = draft(
        &[
            tensor("features", Element::F32, &[2]),
            tensor("city", Element::String, &[1]),
        ],
        &[],
    )
    .text();
    for line in [
        "      id: string  # guess: the field's name\n",
        "      features_1: float32  # guess: the field's name\n",
        "      city: string  # guess: the field's name\n",
        "          features: [features_1, features_2]\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let long = draft(&[tensor("pixels", Element::F32, &[784])], &[]);
    assert!(
        long.text().contains("      pixels: float32[784]  # guess"),
        "{}",
        long.text()
    );
    assert_eq!(long.made_up_event().matches("0.0").count(), 784);
}

#[test]
fn events_that_are_none_are_named_with_their_line() {
    for (text, words) in [
        ("{\"a\":1}\n[1]\n", ["line 2", "no object"]),
        ("[{\"a\":1}]", ["line 1", "jq -c '.[]'"]),
        ("{\"a\":1}\n\n", ["line 2", "an empty line"]),
        ("{\"a\":", ["line 1", "no JSON"]),
        ("", ["read events", "there is no event in it"]),
    ] {
        let error = Sample::read("events", text.as_bytes()).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    let signature = Signature {
        inputs: vec![tensor("pixels", Element::F32, &[784])],
        outputs: Vec::new(),
    };
    let sample = Sample::read("events", &br#"{"a":1}"#[..]).unwrap();
    let error = Draft::new(about(), &signature, Some(&sample))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("784 values a row") && error.contains("only 1 fields"),
        "{error}"
    );
}
