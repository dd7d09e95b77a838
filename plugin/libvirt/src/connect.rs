//! Connections to a libvirt daemon.

use std::sync::{Arc, Mutex, PoisonError};

use virt::connect::Connect;

use crate::error::{Error, Named, c_string};
use crate::ffi;
use crate::init::init;

/// How a connection finds out that its peer is dead (`virConnectSetKeepAlive`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Seconds of silence before a question is sent.
    pub interval_s: i32,
    /// Unanswered questions before the connection is closed.
    pub count: u32,
    /// Whether a connection that cannot do this is refused, as virsh does when `-k` or `-K` is given.
    pub required: bool,
}

/// How to open a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// None: no keepalive.
    pub keepalive: Option<KeepAlive>,
    /// `VIR_CONNECT_RO`: may read, may not change.
    pub read_only: bool,
}

/// Why a connection was lost: `virConnectCloseReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// An I/O error.
    Error,
    /// The daemon closed it, or died.
    Eof,
    /// The keepalive ran out.
    Keepalive,
    /// Closed from this side, or a reason this code does not know.
    Other,
}

impl CloseReason {
    fn from_raw(reason: i32) -> Self {
        match u32::try_from(reason) {
            Ok(virt_sys::VIR_CONNECT_CLOSE_REASON_ERROR) => Self::Error,
            Ok(virt_sys::VIR_CONNECT_CLOSE_REASON_EOF) => Self::Eof,
            Ok(virt_sys::VIR_CONNECT_CLOSE_REASON_KEEPALIVE) => Self::Keepalive,
            _ => Self::Other,
        }
    }
}

type CloseHandler = Box<dyn Fn(CloseReason) + Send + Sync>;

#[derive(Default)]
struct Closing {
    reason: Option<CloseReason>,
    handlers: Vec<CloseHandler>,
}

struct Inner {
    connect: Connect,
    uri: Option<String>,
    options: Options,
    closing: Arc<Mutex<Closing>>,
    watched: bool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.watched {
            // libvirt keeps a reference to the connection for as long as the callback is registered.
            ffi::unwatch_close(&self.connect);
        }
    }
}

/// An open connection. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

impl Connection {
    /// Opens `uri` as virsh does (`virConnectOpenAuth` with libvirt's own callbacks, which may ask on
    /// the terminal). Without a URI libvirt chooses: `LIBVIRT_DEFAULT_URI`, its configuration, a probe.
    ///
    /// # Errors
    /// When `uri` holds a NUL byte, or libvirt cannot connect or authenticate.
    pub fn open(uri: Option<&str>, options: Options) -> Result<Self, Error> {
        init()?;
        let name = uri
            .map(|uri| c_string("the connection URI", uri))
            .transpose()?;
        let connect =
            ffi::open(name.as_deref(), options.read_only).named("virConnectOpenAuth", None)?;
        keep_alive(&connect, options.keepalive)?;
        let closing = Arc::new(Mutex::new(Closing::default()));
        let watched = watch_close(&connect, &closing);
        let uri = uri.map(str::to_owned);
        Ok(Self(Arc::new(Inner {
            connect,
            uri,
            options,
            closing,
            watched,
        })))
    }

    /// Another connection of its own, opened as this one was.
    ///
    /// # Errors
    /// As for [`Connection::open`].
    pub fn reopen(&self) -> Result<Self, Error> {
        Self::open(self.0.uri.as_deref(), self.0.options)
    }

    /// The URI as libvirt resolved it (`virConnectGetURI`).
    ///
    /// # Errors
    /// When libvirt cannot tell.
    pub fn uri(&self) -> Result<String, Error> {
        self.handle().uri().named("virConnectGetURI", None)
    }

    /// Whether calls can still be made. It calls nobody, so it never blocks; only the keepalive notices a peer that
    /// died silently.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.closed().is_none() && self.handle().is_alive().unwrap_or(false)
    }

    /// Asks the daemon something that concerns no domain (`virConnectGetLibVersion`): whether it answers at all.
    ///
    /// # Errors
    /// When it does not.
    pub fn ping(&self) -> Result<(), Error> {
        let version = self.handle().lib_version();
        version.map(drop).named("virConnectGetLibVersion", None)
    }

    /// Why the connection was lost, if it was.
    #[must_use]
    pub fn closed(&self) -> Option<CloseReason> {
        self.0
            .closing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reason
    }

    /// Has `handler` called when the connection is lost; at once if it is already. It runs on libvirt's
    /// event thread and must not block, call libvirt, or hold this connection.
    pub fn on_close(&self, handler: impl Fn(CloseReason) + Send + Sync + 'static) {
        let mut closing = self
            .0
            .closing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match closing.reason {
            Some(reason) => handler(reason),
            None => closing.handlers.push(Box::new(handler)),
        }
    }

    /// The `virt` crate's handle.
    pub(crate) fn handle(&self) -> &Connect {
        &self.0.connect
    }
}

impl core::fmt::Debug for Connection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connection")
            .field("uri", &self.0.uri)
            .finish_non_exhaustive()
    }
}

fn keep_alive(connect: &Connect, wanted: Option<KeepAlive>) -> Result<(), Error> {
    let Some(KeepAlive {
        interval_s,
        count,
        required,
    }) = wanted
    else {
        return Ok(());
    };
    match connect
        .set_keep_alive(interval_s, count)
        .named("virConnectSetKeepAlive", None)
    {
        Err(error) if required => Err(error),
        _ => Ok(()),
    }
}

/// Whether a loss is reported to `closing`; drivers inside this process are never lost.
fn watch_close(connect: &Connect, closing: &Arc<Mutex<Closing>>) -> bool {
    let closing = Arc::clone(closing);
    let note = move |reason| {
        let reason = CloseReason::from_raw(reason);
        let mut closing = closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.reason = Some(reason);
        closing
            .handlers
            .drain(..)
            .for_each(|handler| handler(reason));
    };
    ffi::watch_close(connect, Box::new(note)).is_ok()
}
