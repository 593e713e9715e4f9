use super::*;
use crate::settings::Pipeline;

#[test]
fn loses_data_for_fewer_retries_shorter_age_and_narrower_filters() {
    let settings = Pipeline::by_default().unwrap();
    let mapping = EventSourceMapping::new(settings.stream, "f", "r", settings.mapping);
    let (cold, hot) = (json!({"data": {"temperature": [{"numeric": ["<", 0]}]}}), json!({"data": {"hot": [true]}}));
    for (property, has, wanted, loses) in [
        ("retry_attempts", json!(-1), json!(3), true),
        ("retry_attempts", json!(5), json!(0), true),
        ("retry_attempts", json!(3), json!(5), false),
        ("retry_attempts", json!(3), json!(-1), false),
        ("record_age_seconds", json!(-1), json!(60), true),
        ("record_age_seconds", json!(60), json!(-1), false),
        ("filters", json!([]), json!([cold]), true),
        ("filters", json!([cold, hot]), json!([cold]), true),
        ("filters", json!([cold]), json!([hot]), true),
        ("filters", json!([cold]), json!([cold, hot]), false),
        ("filters", json!([cold]), json!([]), false),
        ("batch_size", json!(500), json!(1), false),
    ] {
        assert_eq!(
            mapping.loses_data(property, &has, &wanted, &Observed::missing()),
            loses,
            "{property} {has} {wanted}"
        );
    }
}
