//! A Confluent-compatible schema registry: what decoders ask in the middle of a batch, and what commands ask at their leisure.
//! Knows HTTP and JSON; what a schema means it does not know, nor what a record is.

mod answer;
mod back_off;
mod config;
mod disk;
mod doctor;
mod http;
mod known;
mod start;
mod status;
mod subjects;
#[cfg(test)]
mod tests;
mod trouble;
mod walk;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use forebay_auth::TokenStatus;
use forebay_core::codec::schemas::{RegisteredSchema, SchemaKey, Schemas};
use forebay_core::{Error, Result};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

pub use answer::Reference;
pub use config::{
    RegistryLogin, RegistryOauthConfig, RegistrySettings, RegistryTlsConfig, SchemaRegistryConfig,
};
pub use start::TellWait;
pub use status::RegistryStatus;
pub use subjects::{Compatibility, NewSchema, SchemaVersion};

use disk::Disk;
use http::Http;
use known::{Known, Step};
use status::Counts;
use trouble::{Trouble, What};

/// How long a lane waits for a schema at once.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long the registry may take before a schema on disk is taken instead.
const GRACE: Duration = Duration::from_secs(2);

/// A registry. All lanes of a process share one: each schema is asked for once, and then in memory.
#[derive(Debug)]
pub struct Registry {
    inner: Arc<Inner>,
    /// Questions on their way; they end with the registry.
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Inner {
    http: Http,
    disk: Option<Disk>,
    known: Mutex<Known>,
    /// Something came of a question.
    news: Condvar,
    counts: Arc<Counts>,
    runtime: Handle,
}

impl Registry {
    /// The registry of these settings; asks nothing yet. What it asks later is done on `runtime`; its methods must not be called
    /// from a task of it.
    pub fn open(settings: &RegistrySettings, runtime: &Handle) -> Arc<Self> {
        let counts = Arc::<Counts>::default();
        let first = settings.urls.first().map_or("", String::as_str);
        let disk = settings.cache.clone().map(|folder| Disk::new(folder, first));
        let inner = Inner {
            http: Http::new(settings.clone(), Arc::clone(&counts), runtime.clone()),
            disk,
            known: Mutex::default(),
            news: Condvar::new(),
            counts,
            runtime: runtime.clone(),
        };
        Arc::new(Self {
            inner: Arc::new(inner),
            tasks: Mutex::default(),
        })
    }

    /// The address that answered last.
    pub fn url(&self) -> &str {
        self.inner.http.url()
    }

    /// How it is now.
    pub fn status(&self) -> RegistryStatus {
        let schemas = self.inner.known().count();
        self.inner.counts.now(schemas)
    }

    /// How its token is, where an identity provider gave one.
    pub fn token(&self) -> Option<TokenStatus> {
        self.inner.http.token().map(|cell| cell.status())
    }

    /// What [`Registry::remember`] kept on disk under `question`: an id, and its schema.
    pub fn remembered(&self, question: &str) -> Option<(u32, RegisteredSchema)> {
        let (id, schema) = self.inner.disk.as_ref()?.answer(question)?;
        Some((id?, schema))
    }

    /// Keeps an answer for a start at which the registry does not give one, where there is a folder for it.
    pub fn remember(&self, question: &str, id: u32, schema: &RegisteredSchema) {
        if let Some(disk) = &self.inner.disk {
            disk.keep(question, Some(id), schema);
        }
    }

    /// Asks beside the lane, which comes again.
    fn ask(&self, key: SchemaKey) {
        let asked = Asked {
            inner: Arc::clone(&self.inner),
            key,
            answered: false,
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(asked.run(), &self.inner.runtime);
    }
}

impl Schemas for Registry {
    fn schema(&self, key: SchemaKey) -> Result<Arc<RegisteredSchema>> {
        let patience = Instant::now() + PATIENCE;
        let mut known = self.inner.known();
        loop {
            let now = Instant::now();
            let (until, last) = match known.step(key, now) {
                Step::Have(schema) => return Ok(schema),
                Step::Absent(reason) => {
                    return Err(Error::reject(format!("find the record's schema: {reason}"))
                        .with("schema", key)
                        .with("registry", self.url()));
                }
                Step::Ask => {
                    drop(known);
                    self.ask(key);
                    known = self.inner.known();
                    continue;
                }
                Step::Wait { until, last } => (until.map_or(patience, |until| until.min(patience)), last),
            };
            if now >= patience {
                let reason = last.unwrap_or_else(|| "it has not answered yet".to_owned());
                return Err(
                    Error::retry(format!("fetch a schema from the registry: {reason}"))
                        .with("schema", key)
                        .with("registry", self.url()),
                );
            }
            let waited = self
                .inner
                .news
                .wait_timeout(known, until.saturating_duration_since(now));
            known = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A question on its way. Whatever becomes of it, those who wait hear of it.
struct Asked {
    inner: Arc<Inner>,
    key: SchemaKey,
    answered: bool,
}

impl Asked {
    async fn run(mut self) {
        let answer = self.inner.find(self.key).await;
        self.answered = true;
        self.inner.tell(self.key, answer);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.answered {
            let stopped = Trouble::new(What::Failing, "the question was given up");
            self.inner.tell(self.key, Err(stopped));
        }
    }
}

impl Inner {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For as long as it asked for.
    fn leave_alone(&self, trouble: &Trouble) {
        if trouble.rest.is_some() {
            let rest = back_off::rest(1, fastrand::f64(), trouble.rest);
            self.known().hold(Instant::now() + rest);
        }
    }

    /// From the registry; from disk where it does not answer, or not soon. The registry comes first, for one that was set up
    /// anew may have given an id to another schema.
    async fn find(&self, key: SchemaKey) -> Result<Arc<RegisteredSchema>, Trouble> {
        let mut asked = std::pin::pin!(walk::fetch(&self.http, key));
        let in_time = tokio::time::timeout(GRACE, &mut asked).await;
        let trouble = match in_time {
            Ok(Ok(schema)) => return Ok(self.keep(key, schema).await),
            Ok(Err(trouble)) if matches!(trouble.what, What::Absent | What::Invalid) => return Err(trouble),
            Ok(Err(trouble)) => Some(trouble),
            Err(_) => None,
        };
        if let Some(schema) = self.kept(key).await {
            let why = trouble.map_or_else(|| format!("no answer within {GRACE:?}"), |t| t.reason());
            tracing::warn!(schema = %key, registry = self.http.url(), "the registry does not answer: {why}; the schema on disk is used");
            self.counts.taken_from_disk();
            return Ok(schema);
        }
        match trouble {
            Some(trouble) => Err(trouble),
            None => Ok(self.keep(key, asked.await?).await),
        }
    }

    /// Writes it to disk, where it may.
    async fn keep(&self, key: SchemaKey, schema: RegisteredSchema) -> Arc<RegisteredSchema> {
        let schema = Arc::new(schema);
        if let Some(disk) = self.disk.clone() {
            let kept = Arc::clone(&schema);
            let written = tokio::task::spawn_blocking(move || {
                if disk.load(key).as_ref() != Some(&*kept) {
                    disk.store(key, &kept);
                }
            });
            // It fails only where the process ends.
            drop(written.await);
        }
        schema
    }

    async fn kept(&self, key: SchemaKey) -> Option<Arc<RegisteredSchema>> {
        let disk = self.disk.clone()?;
        let read = tokio::task::spawn_blocking(move || disk.load(key)).await;
        read.ok().flatten().map(Arc::new)
    }

    /// Tells those who wait what came of a question.
    fn tell(&self, key: SchemaKey, answer: Result<Arc<RegisteredSchema>, Trouble>) {
        let now = Instant::now();
        let mut known = self.known();
        match answer {
            Ok(schema) => known.have(key, schema),
            Err(trouble) if matches!(trouble.what, What::Absent | What::Invalid) => {
                known.absent(key, trouble.reason(), now);
            }
            Err(trouble) => {
                let rest = back_off::rest(known.failures(key), fastrand::f64(), trouble.rest);
                if trouble.rest.is_some() {
                    known.hold(now + rest);
                }
                tracing::warn!(
                    schema = %key,
                    registry = self.http.url(),
                    ?rest,
                    "no schema yet: {}; asking again",
                    trouble.reason()
                );
                known.failed(key, trouble.reason(), now + rest);
            }
        }
        drop(known);
        self.news.notify_all();
    }
}
