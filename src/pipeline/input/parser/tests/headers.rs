//! Headers between the rows, of the same table and of others.

use super::*;

const FIRST: &str = "sensor_id,current_time,temperature\nk,1700000000,21.5\n\n";

#[test]
fn rows_below_the_header_of_another_table_are_rejected_and_name_its_line() {
    let other = format!("{FIRST}sensor_id,current_time,voltage\nk,1700000060,3.1\n");
    let expected = ["k 21.5 1700000000", "4 other-header", "5 other-header"];
    assert_eq!(read(other.clone(), ""), expected);
    assert_eq!(read(other.clone(), "--match~sensor_id=k"), expected, "the filter does not let a header through");
    let reasons: Vec<_> = items(other.clone(), &options(""))
        .into_iter()
        .filter_map(|item| if let ParsedLine::Rejected(line) = item { Some(line.reason) } else { None })
        .collect();
    assert!(reasons[0].contains("there is no column `temperature`"), "{reasons:?}");
    assert!(reasons[1].contains("line 4 is the header of another table"), "{reasons:?}");
    for header in [
        "sensor_id,current_time,temperature\nk,1700000120,21.6\n",
        "temperature,current_time,sensor_id\n21.6,1700000120,k\n",
    ] {
        let read = read(format!("{other}{header}"), "");
        assert_eq!((&read[..3], read[3].as_str()), (&expected.map(str::to_owned)[..], "k 21.6 1700000120"), "{header}");
    }
}

#[test]
fn reordered_header_is_seen_whatever_the_rows_are_filtered_by() {
    let text = format!("{FIRST}temperature,current_time,sensor_id\n21.6,1700000060,k\n");
    for flags in ["", "--match~sensor_id=k"] {
        assert_eq!(read(text.clone(), flags), ["k 21.5 1700000000", "k 21.6 1700000060"], "{flags}");
    }
}

#[test]
fn block_of_greatest_values_below_that_of_hours_is_not_read_as_temperatures() {
    let text = "time,temperature_2m (°C)\n2023-11-14T22:00,21.5\n\ntime,temperature_2m_max (°C)\n2023-11-14,25.1\n";
    for column in ["temperature_2m*", "temperature_2m (°C)"] {
        let flags = format!("--sensor~k~--map~current_time=time~--map~temperature={column}");
        assert_eq!(read(text, &flags), ["k 21.5 1699999200", "4 other-header", "5 other-header"], "{column}");
    }
}

#[test]
fn message_counts_the_columns_of_a_line_that_may_hold_values() {
    for text in [
        "home/attic/temperature 19.4\nhome/attic/temperature 19.5\n",
        "1700000000:-nan:19.4\n1700000300:-nan:19.5\n",
        "attic is 19.4;sensor_id\nx;y\n",
    ] {
        let message = wrong(text, "");
        assert!(!message.contains("19.4") && !message.contains("19.5"), "{message}");
        assert!(message.contains("column"), "{message}");
    }
}
