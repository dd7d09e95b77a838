//! The picture of the first migration, as `hpc-replay --plot` draws it.

use anyhow::{Context, Result};

use super::summary::Migration;
use crate::plot::Layout;

pub(super) fn render(migrations: &[Migration]) -> Result<String> {
    let first = migrations.first().map(|migration| &migration.picture);
    let svg = first.map_or(Ok(None), |picture| picture.svg(Layout::Page))?;
    svg.context("the trace holds no pre-copy to draw")
}
