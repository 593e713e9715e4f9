//! `sensorctl layouts`.

use crate::context::Context;
use crate::error::Error;
use crate::output::{LayoutReport, LayoutRow, Row, VerboseLayoutRow};
use crate::pipeline::{Layout, Layouts, OwnLayoutText};
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
            return context.output.report(&LayoutReport(&layout));
        }
        return context.output.data(&layout.text);
    }
    let all = layouts.all()?;
    if context.output.is_verbose() { push::<VerboseLayoutRow>(context, all) } else { push::<LayoutRow>(context, all) }
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
