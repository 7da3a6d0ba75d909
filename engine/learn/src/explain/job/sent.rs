//! Sent: importance, dependence and counterfactuals of rows that came with a request, as a node is asked for them.

use std::path::{Path, PathBuf};

use orrery_domain::{
    ModelRef,
    compare::{CompareData, RowsOrigin},
    explain::{ExplainMethod, ExplainSettings, Findings},
};

use super::{ExplainJob, Place, Work};
use crate::{
    control::{Interrupt, JobControl},
    explain::{ask::bug, check_rows, client, material::Material},
    predict::Predictor,
    table::Table,
};

/// Rows that came with a request.
#[derive(Clone, Copy, Debug)]
pub struct SentRows<'a> {
    /// What the model takes. `[rows, features]`
    pub table: &'a Table,
    /// A table that has the target's column, missing where it is not known; none: it was not sent. `[rows]`
    pub target: Option<&'a Table>,
    /// Rows whose values counterfactuals try; none: the rows themselves. `[background rows, features]`
    pub background: Option<&'a Table>,
}

impl Predictor {
    /// Permutation importance, partial dependence or counterfactuals of every row that was sent, of the model in a folder.
    ///
    /// # Errors
    /// An interruption, or a client failure when there are no rows or too many, the method does not fit the model, a column or class is
    /// unknown, the target was not sent (importance), a background was sent that the method does not use (importance, dependence) or
    /// there is no other row (counterfactuals); a data failure when a target is no class of the model; a bug failure for a method
    /// that gives parts of single answers.
    pub fn explain_sent(
        &self,
        (model, folder): (&ModelRef, &Path),
        rows: SentRows<'_>,
        settings: &ExplainSettings,
        control: &dyn JobControl,
    ) -> Result<Findings, Interrupt> {
        check_rows(rows.table.rows())?;
        let explained = self.explained();
        let method = self.method(&explained, settings.method)?;
        if method == ExplainMethod::PermutationImportance && rows.target.is_none() {
            return Err(client(format!(
                "Importance is how much worse the answers get, so it needs the right ones. Send '{}' with the rows.",
                self.card().target
            ))
            .into());
        }
        if method == ExplainMethod::Counterfactual && rows.background.is_none() && rows.table.rows() < 2 {
            return Err(client(
                "Counterfactuals take values of other rows, and there are none. Give a background of some rows.",
            )
            .into());
        }
        if rows.background.is_some()
            && matches!(method, ExplainMethod::PermutationImportance | ExplainMethod::PartialDependence)
        {
            return Err(client(
                "Importance and dependence are found on the rows sent themselves. Send the rows to look at as 'rows', and no background.",
            )
            .into());
        }
        let settings = ExplainSettings { rows: Some((0, rows.table.rows() as u64)), ..settings.clone() };
        let material = Material {
            table: rows.target.unwrap_or(rows.table).clone(),
            scored: rows.table.with_gaps(),
            source: "the request".to_owned(),
            origin: RowsOrigin::All,
            background: rows.background.unwrap_or(rows.table).with_gaps(),
            of: "the rows sent".to_owned(),
            warnings: Vec::new(),
        };
        // Nothing is read: the rows are here.
        let data = CompareData::File { file: PathBuf::from(&material.source) };
        let job = ExplainJob {
            model,
            folder,
            data: &data,
            trained_on: None,
            blobs: folder,
            settings: &settings,
            out: None,
            pieces: folder,
        };
        // Whoever asks waits for it: nothing is kept.
        let place = Place { folder: None, fingerprint: "", control };
        let work =
            Work { job: &job, predictor: self, explained: &explained, method, material: &material, place };
        let (_, found) = match method {
            ExplainMethod::PermutationImportance => work.importance()?,
            ExplainMethod::PartialDependence => work.dependence()?,
            ExplainMethod::Counterfactual => work.counterfactuals()?,
            _ => return Err(bug("Parts of single answers are asked for in another way.").into()),
        };
        Ok(found)
    }
}
