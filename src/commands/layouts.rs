//! `sensorctl layouts`.

use serde::{Serialize, Serializer};

use crate::context::Context;
use crate::error::Error;
use crate::output::{Report, Row, Squeeze};
use crate::pipeline::{Confidence, InputOptions, Layout, Layouts, OwnLayoutText};
use crate::settings::Settings;

/// List the layouts that `put --layout` takes, or print one
///
/// A layout says how the files of one program or device are read. Those of your own stand in the settings file, in sections
/// [layout.NAME]; docs/layouts.md explains how they are written. With -v: how sure a layout is, and where its files are
/// described.
#[derive(Debug, clap::Args)]
pub(crate) struct LayoutsArgs {
    /// Print this layout as TOML, to begin one of your own with
    name: Option<String>,
}

pub(super) fn run(context: &Context, args: &LayoutsArgs) -> Result<(), Error> {
    let layouts = layouts(&context.settings);
    if let Some(name) = &args.name {
        let layout = layouts.get(name)?;
        if context.output.is_json_asked() {
            return context.output.report(&OneLayout(&layout));
        }
        return context.output.data(&layout.text);
    }
    let all = layouts.all()?;
    if context.output.is_verbose() { push::<VerboseRow>(context, all) } else { push::<PlainRow>(context, all) }
}

/// Returns the layouts that the settings know.
pub(super) fn layouts(settings: &Settings) -> Layouts {
    let own = settings.layouts.iter().map(|layout| OwnLayoutText {
        name: layout.name.clone(),
        table: layout.options.clone(),
        place: layout.origin.to_string(),
    });
    Layouts::new(own.collect())
}

fn push<R: Row + From<Layout>>(context: &Context, layouts: Vec<Layout>) -> Result<(), Error> {
    let mut rows = context.output.rows();
    for layout in layouts {
        rows.push(&R::from(layout))?;
    }
    rows.finish::<R>().map(drop)
}

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

struct OneLayout<'a>(&'a Layout);

impl Serialize for OneLayout<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer)
    }
}

impl Report for OneLayout<'_> {
    fn table(&self) -> String {
        self.0.text.clone()
    }
}

macro_rules! row {
    ($name:ident, $columns:expr, $squeezes:expr, $cells:expr) => {
        struct $name(Layout);

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

row!(PlainRow, ["layout", "files", "needs"], [Squeeze::Shorten("files"), Squeeze::Drop("needs")], |layout: &Layout| {
    vec![layout.name.clone(), files(layout), layout.needs.join(" ")]
});

row!(
    VerboseRow,
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
