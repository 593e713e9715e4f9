//! Layouts of the settings file.

use super::*;

#[test]
fn layouts_are_taken_from_the_file_with_their_place() {
    let text = "[layout.cellar]\ndelimiter = \"tab\"\n[layout.cellar.map]\ntemperature = \"T\"\n[layout.b_2]\n";
    let settings = settle(text, &[], &[]).unwrap();
    let names: Vec<_> = settings.layouts.iter().map(|layout| layout.name.as_str()).collect();
    assert_eq!(names, ["b_2", "cellar"]);
    let cellar = &settings.layouts[1];
    assert_eq!(cellar.origin.to_string(), "sensorctl.toml:1");
    assert_eq!(cellar.options["map"]["temperature"].as_str(), Some("T"));
}

#[test]
fn layouts_that_could_not_be_named_are_refused() {
    for text in ["layout = 1", "[layout]\ncellar = 1", "[layout.\"a b\"]", "[layouts.cellar]"] {
        assert!(refused(text).to_string().starts_with("sensorctl.toml"), "{text}");
    }
    // No flag and no variable stands for one.
    assert!(settle("", &[("layout.cellar.delimiter", "tab")], &[]).is_err());
    assert!(settle_beside(&["SENSORCTL_LAYOUT"]).is_err());
}
