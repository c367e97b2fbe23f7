//! A few connections that only read, used by one caller at a time. Must not know what is stored.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use postel_core::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::Fault;

/// Reads at one time; SQLite reads mostly from memory, so more would only wait for the same cores.
const READERS: usize = 4;

/// The connections that are free, and leave to use so many.
pub(super) struct Readers {
    path: PathBuf,
    free: Mutex<Vec<Connection>>,
    leave: Arc<Semaphore>,
}

impl Readers {
    /// No connection is opened before it is needed.
    pub(super) fn new(path: PathBuf) -> Arc<Self> {
        let leave = Arc::new(Semaphore::new(READERS));
        Arc::new(Self {
            path,
            free: Mutex::default(),
            leave,
        })
    }

    /// Runs this on a thread where waiting for the disk holds nobody else up. Sees every commit that was answered before.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::Unavailable("the database is closed".to_owned());
        let leave = Arc::clone(&self.leave)
            .acquire_owned()
            .await
            .map_err(closed)?;
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let free = readers.free().pop();
            let db = match free {
                Some(db) => db,
                None => super::connect_reader(&readers.path)?,
            };
            let read = work(&db);
            readers.free().push(db);
            drop(leave);
            read
        });
        match reading.await {
            Ok(read) => read.map_err(|fault| fault.0),
            Err(_) => Err(StoreError::Unavailable(
                "a read was broken off: see the log".to_owned(),
            )),
        }
    }

    /// Looks up by key what a few pages hold: done where the caller is, because going to another thread and back would
    /// take longer than the whole look-up. Sees every commit that was answered before.
    pub(super) async fn look_up<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Ok(_leave) = self.leave.try_acquire() else {
            return self.read(work).await;
        };
        let free = self.free().pop();
        let db = match free {
            Some(db) => db,
            None => super::connect_reader(&self.path).map_err(|e| Fault::from(e).0)?,
        };
        let found = work(&db);
        self.free().push(db);
        found.map_err(|fault| fault.0)
    }

    /// Refuses new reads, waits for those that run, closes all connections.
    pub(super) async fn close(&self) {
        if let Ok(all) = self
            .leave
            .acquire_many(u32::try_from(READERS).unwrap_or(u32::MAX))
            .await
        {
            self.leave.close();
            self.free().clear();
            drop(all);
        }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
