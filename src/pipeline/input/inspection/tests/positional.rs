//! JSON whose rows are lists, with the names of their places beside them.

use super::guesses::flags;
use super::*;

const SERIES: &str = r#"{"results":[{"statement_id":0,"series":[
    {"name":"climate","tags":{"room":"attic"},"columns":["time","temperature","humidity"],
     "values":[["2023-11-14T22:13:20Z",21.5,40],["2023-11-14T22:14:20Z",null,41]]},
    {"name":"climate","tags":{"room":"cellar"},"columns":["time","temperature","humidity"],
     "values":[["2023-11-14T22:13:20Z",11.5,80]]}]}]}"#;

#[test]
fn rows_are_read_by_the_places_of_their_names() {
    for (text, expected) in [
        (
            SERIES.to_owned(),
            "temperature=results[].series[].values[][1] current_time=results[].series[].values[][0] \
             humidity=results[].series[].values[][2] sensor_id=results[].series[].tags.room",
        ),
        (
            r#"{"columns":["sensor_id","temperature","current_time"],"index":[0,1],"data":[["a",21.5,1700000000],["b",11.5,1700000060]]}"#
                .to_owned(),
            "temperature=data[][1] current_time=data[][2] sensor_id=data[][0]",
        ),
        (
            r#"{"api_version":"V1.0.11","time_stamp":1700000000,"fields":["sensor_index","last_seen","temperature"],
                "data":[[131075,1699999950,71],[131079,1699999960,68]]}"#
                .to_owned(),
            "temperature=data[][2] current_time=data[][1] sensor_id=data[][0]",
        ),
    ] {
        assert_eq!(flags(&text, "f.json"), expected);
        let (inspection, file, _dir) = inspected(text.as_bytes(), "f.json");
        assert_eq!(inspection.accepted, 2);
        assert_eq!(put(&file, &inspection.options), shown(&inspection));
    }
    let (inspection, ..) = inspected(SERIES.as_bytes(), "f.json");
    assert!(shown(&inspection)[1].contains(r#""sensor_id":"cellar","temperature":11.5"#), "{:?}", shown(&inspection));
}

#[test]
fn tables_of_other_names_are_not_read_by_the_places_of_the_first() {
    let other = SERIES.replacen(r#""temperature","humidity""#, r#""humidity","temperature""#, 1);
    let (inspection, ..) = inspected(other.as_bytes(), "f.json");
    assert!(inspection.readings.is_empty() && inspection.error.is_some());
}

mod slow {
    use super::*;

    #[test]
    fn table_that_goes_on_behind_the_beginning_is_read() {
        let rows: Vec<_> = (0..60_000).map(|at| format!("[\"a\",21.5,{}]", 1_700_000_000 + at)).collect();
        let text = format!(r#"{{"columns":["sensor_id","temperature","current_time"],"data":[{}]}}"#, rows.join(","));
        assert_eq!(flags(&text, "f.json"), "temperature=data[][1] current_time=data[][2] sensor_id=data[][0]");
    }
}
