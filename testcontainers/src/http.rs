//! An HTTP server on loopback, in a thread of its own. It knows no route.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::serve::Listener;
use tokio::sync::oneshot;

/// A server that answers; ends on drop.
#[derive(Debug)]
pub(crate) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A free port that is listened on, and its URL. Connections wait until somebody serves.
pub(crate) fn bind() -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

impl Server {
    /// Serves the connections that `wrap` makes of the port's.
    pub(crate) fn start<L>(
        listener: TcpListener,
        routes: Router,
        wrap: impl FnOnce(tokio::net::TcpListener) -> L + Send + 'static,
    ) -> io::Result<Self>
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let serve = async {
                    let listener = tokio::net::TcpListener::from_std(listener)?;
                    axum::serve(wrap(listener), routes).await
                };
                tokio::select! {
                    ended = serve => ended.expect("serve HTTP"),
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panics only where serving failed, which its own message says.
            drop(thread.join());
        }
    }
}
