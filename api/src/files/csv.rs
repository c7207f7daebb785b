//! CSV: pages are sent as they are read.

use axum::BoxError;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use super::{CSV, Pages, Table, failed, named};
use crate::refusal::Refusal;

/// The rows as CSV, in a file with this plain name.
pub(crate) async fn csv<T: Table>(name: &str, mut pages: impl Pages<Row = T::Row>) -> Result<Response, Refusal> {
    // The first page is read before the answer begins, so that a ledger that is away can still be said.
    let first = pages.next().await?.unwrap_or_default();
    let head = T::csv_page(true, &first).map_err(|error| failed(&error.to_string()))?;
    let rest = stream::unfold(Some(pages), |pages| async move {
        let mut pages = pages?;
        match next::<T>(&mut pages).await {
            Ok(Some(page)) => Some((Ok(page), Some(pages))),
            Ok(None) => None,
            // The connection is cut, so that nobody takes the file for whole.
            Err(error) => {
                tracing::warn!(%error, "a file ended early");
                Some((Err(error), None))
            }
        }
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(stream::iter([Ok(head)]), rest));
    Ok((named(CSV, name), body).into_response())
}

async fn next<T: Table>(pages: &mut impl Pages<Row = T::Row>) -> Result<Option<Vec<u8>>, BoxError> {
    let page = pages.next().await.map_err(|problem| BoxError::from(problem.detail))?;
    page.map(|rows| T::csv_page(false, &rows)).transpose().map_err(Into::into)
}
