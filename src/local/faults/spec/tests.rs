//! Tests of the text form.

use proptest::prelude::*;

use super::*;

#[test]
fn fault_spec_unknown_operation_is_rejected_with_a_suggestion() {
    for (text, wanted) in [
        (
            "kinesis:PutRecrods=throttle",
            "column 9: kinesis has no operation `PutRecrods` in the local cloud; did you mean `PutRecords`?",
        ),
        ("dynamodb:batchwriteitems=drop", "did you mean `BatchWriteItem`?"),
        ("lambda:InvokeFunction=drop", "has no operation `InvokeFunction`"),
        ("kinesis:Zzz*=drop", "kinesis has no operation `Zzz*` in the local cloud"),
    ] {
        let said = text.parse::<FaultPlan>().unwrap_err().to_string();
        assert!(said.contains(wanted), "{text}: {said}");
    }
    for text in ["kinesis:putrecords=drop", "*:Put*=drop", "*:*=drop", "tag:GetResources=denied", "lambda:Invoke=drop"]
    {
        text.parse::<FaultPlan>().unwrap();
    }
}

#[test]
fn fault_spec_parses_every_part_of_the_grammar() {
    let plan: FaultPlan =
        "seed=7; kinesis:PutRecords=throttle@20%; iam:CreateRole=lost@#1;*:*=delay(1.5s)@#2-4;dynamodb:B*Item=unprocessed(30%);"
            .parse()
            .unwrap();
    assert_eq!(plan.seed, 7);
    let told: Vec<(Fault, When)> = plan.rules.iter().map(|rule| (rule.fault, rule.when)).collect();
    assert_eq!(
        told,
        [
            (Fault::Throttle, When::Share(0.2)),
            (Fault::Lost, When::Calls { first: 1, last: 1 }),
            (Fault::Delay(Duration::from_millis(1500)), When::Calls { first: 2, last: 4 }),
            (Fault::Unprocessed(0.3), When::Always),
        ]
    );
    assert!(plan.rules[3].covers("dynamodb", "BatchWriteItem"));
    assert!(!plan.rules[3].covers("dynamodb", "PutItem"));
    let stale: FaultPlan = "iam:CreateRole=staleGrant(5s)".parse().unwrap();
    assert_eq!(stale.rules[0].fault, Fault::StaleGrant(Duration::from_secs(5)));
    let hot: FaultPlan = "dynamodb:*=hotKey".parse().unwrap();
    assert!(hot.rules[0].covers("dynamodb", "PutItem") && !hot.rules[0].covers("dynamodb", "GetItem"));
    let hides: FaultPlan = "lambda:*=undecryptable".parse().unwrap();
    assert!(hides.rules[0].covers("lambda", "GetFunction") && !hides.rules[0].covers("lambda", "CreateFunction"));
    assert!("".parse::<FaultPlan>().unwrap().is_empty());
}

#[test]
fn fault_spec_error_has_its_column() {
    for (spec, column, words) in [
        ("kinesis:PutRecords", 1, "SERVICE:OPERATION=FAULT"),
        ("seed=x", 6, "whole number"),
        ("s3:Get*=drop", 1, "kinesis, dynamodb"),
        ("iam:*=drop; kinesis=drop", 13, "SERVICE:OPERATION"),
        ("kinesis:=drop", 9, "operation"),
        ("kinesis:*=explode", 11, "throttle, error"),
        ("kinesis:*=error(404)", 17, "500 or 503"),
        ("kinesis:*=delay", 11, "needs a time"),
        ("kinesis:*=delay(soon)", 17, "200ms"),
        ("kinesis:*=delay(5ms", 11, "not closed"),
        ("kinesis:*=drop@0.2", 16, "20%"),
        ("kinesis:*=drop@120%", 16, "100%"),
        ("kinesis:*=drop@#0", 16, "from 1"),
        ("kinesis:*=drop@#3-2", 16, "from 1"),
        ("kinesis:*=drop(1)", 16, "no argument"),
        ("kinesis:PutRecord=partial", 19, "`partial` has no effect on kinesis:PutRecord, only on kinesis:PutRecords"),
        ("dynamodb:PutItem=unprocessed", 18, "only on dynamodb:BatchWriteItem"),
        ("dynamodb:GetItem=hotKey", 18, "only on dynamodb:BatchWriteItem, "),
        ("*:Get*=staleGrant", 8, "only on iam:CreateRole"),
        ("lambda:Create*=undecryptable", 16, "only on lambda:GetFunction, "),
    ] {
        let error = spec.parse::<FaultPlan>().unwrap_err();
        assert!(error.column == column && error.to_string().contains(words), "{spec}: {error}");
    }
}

proptest! {
    #[test]
    fn fault_spec_parse_never_panics(text in "\\PC{0,40}") {
        let _ = text.parse::<FaultPlan>();
    }

    #[test]
    fn fault_spec_parse_of_near_misses_never_panics(text in "(seed|kinesis|\\*)?[:=@#();%é*-]{0,3}(drop|delay|partial)?[(@#;0-9%ms)]{0,6}") {
        let _ = text.parse::<FaultPlan>();
    }
}
