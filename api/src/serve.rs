//! Serving the routes on a socket until the process should end.

use std::future::IntoFuture as _;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::edge::{Gate, Peer};
use crate::{ApiParts, router};

/// How long requests in hand may take after the end was asked for.
const FINISH_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection that was just made may take to say what it wants, before connections that ask nothing are closed.
const FIRST_WITHIN: Duration = Duration::from_millis(500);

/// Serves until `parts.soft` is cancelled and the requests in hand are finished, or ten seconds have passed.
///
/// # Errors
/// When the socket can no longer be used.
pub async fn serve(listener: TcpListener, parts: ApiParts) -> io::Result<()> {
    let soft = parts.soft.clone();
    let gate = Gate::new(listener).until(soft.clone());
    let ending = soft.clone();
    let server = axum::serve(gate, router(parts).into_make_service_with_connect_info::<Peer>()).with_graceful_shutdown(
        async move {
            ending.cancelled().await;
            tokio::time::sleep(FIRST_WITHIN).await;
        },
    );
    tokio::select! {
        result = server.into_future() => result,
        () = async { soft.cancelled().await; tokio::time::sleep(FINISH_WITHIN).await } => {
            tracing::warn!("requests were still in hand after {FINISH_WITHIN:?}; they are dropped");
            Ok(())
        }
    }
}
