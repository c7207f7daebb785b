//! Serving the routes on a socket until the process should end.

use std::future::IntoFuture as _;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::edge::Gate;
use crate::{ApiParts, router};

/// How long requests in hand may take after the end was asked for.
const FINISH_WITHIN: Duration = Duration::from_secs(10);

/// Serves until `parts.soft` is cancelled and the requests in hand are finished, or ten seconds have passed.
///
/// # Errors
/// When the socket can no longer be used.
pub async fn serve(listener: TcpListener, parts: ApiParts) -> io::Result<()> {
    let soft = parts.soft.clone();
    let server = axum::serve(Gate::new(listener), router(parts)).with_graceful_shutdown(soft.clone().cancelled_owned());
    tokio::select! {
        result = server.into_future() => result,
        () = async { soft.cancelled().await; tokio::time::sleep(FINISH_WITHIN).await } => {
            tracing::warn!("requests were still in hand after {FINISH_WITHIN:?}; they are dropped");
            Ok(())
        }
    }
}
