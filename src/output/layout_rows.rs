//! Shows layouts of files.

use serde::{Serialize, Serializer};

use super::{Report, Row, Squeeze};
use crate::pipeline::{Confidence, InputOptions, Layout};

/// A layout as data: its description, and the options that it stands for.
fn serialize<S: Serializer>(layout: &Layout, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Described<'a> {
        name: &'a str,
        summary: &'a str,
        needs: &'a [String],
        confidence: Option<&'static str>,
        source: Option<&'a str>,
        place: Option<&'a str>,
        options: &'a InputOptions,
    }
    let described = Described {
        name: &layout.name,
        summary: &layout.summary,
        needs: &layout.needs,
        confidence: layout.confidence.map(Confidence::name),
        source: layout.source.as_deref(),
        place: layout.place.as_deref(),
        options: &layout.options,
    };
    described.serialize(serializer)
}

/// One layout: data, or its TOML for a person.
pub(crate) struct LayoutReport<'a>(pub &'a Layout);

impl Serialize for LayoutReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer)
    }
}

impl Report for LayoutReport<'_> {
    fn table(&self) -> String {
        self.0.text.clone()
    }
}

macro_rules! row {
    ($name:ident, $columns:expr, $squeezes:expr, $cells:expr) => {
        #[doc = concat!("A row of layouts: ", stringify!($name), ".")]
        pub(crate) struct $name(Layout);

        impl From<Layout> for $name {
            fn from(layout: Layout) -> Self {
                $name(layout)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize(&self.0, serializer)
            }
        }

        impl Row for $name {
            fn columns() -> &'static [&'static str] {
                &$columns
            }

            fn cells(&self) -> Vec<String> {
                $cells(&self.0)
            }

            fn squeezes() -> &'static [Squeeze] {
                &$squeezes
            }
        }
    };
}

row!(
    LayoutRow,
    ["layout", "files", "needs"],
    [Squeeze::Shorten("files"), Squeeze::Drop("needs")],
    |layout: &Layout| { vec![layout.name.clone(), files(layout), layout.needs.join(" ")] }
);

row!(
    VerboseLayoutRow,
    ["layout", "files", "needs", "confidence", "source"],
    [Squeeze::Drop("source"), Squeeze::Shorten("files"), Squeeze::Drop("confidence"), Squeeze::Drop("needs")],
    |layout: &Layout| {
        let confidence = layout.confidence.map_or("", Confidence::name).to_owned();
        let source = layout.place.clone().or_else(|| layout.source.clone()).unwrap_or_default();
        vec![layout.name.clone(), files(layout), layout.needs.join(" "), confidence, source]
    }
);

fn files(layout: &Layout) -> String {
    match &layout.place {
        Some(place) if layout.summary.is_empty() => format!("your own, {place}"),
        _ => layout.summary.clone(),
    }
}
