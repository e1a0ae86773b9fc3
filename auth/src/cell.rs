//! Keeps one token fresh and hands it to every client that uses it: pushed, never asked for by a callback, so that no
//! client waits for an issuer. One task fetches, however many clients there are; it ends with the cell.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tracing::{debug, info, warn};

use crate::{AuthError, AuthKind, Skew, Token, TokenProvider};

/// A token is renewed when this share of its life is over: clients renew theirs at 0.8.
const RENEW_AT: f64 = 0.6;
/// That share differs by so much between processes, so that they do not ask all at once.
const JITTER: f64 = 0.05;
const BACK_OFF_FROM: Duration = Duration::from_secs(1);
const BACK_OFF_TO: Duration = Duration::from_secs(30);
/// One answer may take so long during a run, or as long as the first one may: some sources are slow.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How often it is told that the first token is waited for.
const TELL: Duration = Duration::from_secs(1);
/// A token is about to expire when less than this share of its life is left, or less than a minute.
const LAST_SHARE: f64 = 0.1;
const LAST_MINUTE: Duration = Duration::from_secs(60);
/// After an issuer's failure brokers may refuse what clients still have, until they come again with a new token.
const RECOVERS_WITHIN: Duration = Duration::from_secs(30);

/// How a token is.
#[derive(Clone, Debug)]
pub struct TokenStatus {
    pub expires_at: SystemTime,
    /// When the issuer last gave one.
    pub fetched_at: SystemTime,
    pub principal: String,
    /// Which credential source answered.
    pub source: String,
    /// Tokens that were given so far.
    pub fetched: u64,
    /// Attempts without one.
    pub failures: u64,
    /// Why the last attempt gave none; nothing where it did.
    pub last_error: Option<String>,
}

/// Takes a new token; an error is what the client said.
type Push = Box<dyn Fn(&Token) -> Result<(), String> + Send>;

/// How an issuer that does not answer is treated at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// The first failure is the answer.
    OneAttempt,
    /// It is asked again until the time is over.
    UntilTimeout,
}

/// How the first token is waited for.
pub struct First<'a> {
    pub patience: Patience,
    pub within: Duration,
    /// Called about once a second while there is none, with the source that is being asked, where that is known.
    pub waiting: &'a mut dyn FnMut(Option<String>),
}

impl fmt::Debug for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("First")
            .field("patience", &self.patience)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

/// A token that is always fresh, as long as its issuer answers.
pub struct TokenCell {
    shared: Arc<Shared>,
    provider: Arc<dyn TokenProvider>,
    runtime: Handle,
    task: AbortHandle,
}

struct Shared {
    state: Mutex<State>,
}

struct State {
    token: Token,
    fetched: u64,
    fetched_at: SystemTime,
    failures: u64,
    last_error: Option<String>,
    /// When the issuer failed last.
    failed: Option<Instant>,
    clients: BTreeMap<u64, Push>,
    next: u64,
}

impl TokenCell {
    /// Fetches the first token, as `first` says, and keeps it fresh on `runtime` from then on. Must not be called from a
    /// task of `runtime`.
    ///
    /// # Errors
    /// What the provider said last.
    pub fn start(
        provider: Arc<dyn TokenProvider>,
        first: First<'_>,
        runtime: &Handle,
    ) -> Result<Arc<Self>, AuthError> {
        let within = first.within;
        let token = await_first(&provider, first, runtime).map_err(|e| with_clock(e, &*provider))?;
        if let Some(skew) = provider.skew() {
            warn!(source = token.source, "{skew}");
        }
        info!(principal = token.principal, left = ?token.left(), "have a token");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                token,
                fetched: 1,
                fetched_at: SystemTime::now(),
                failures: 0,
                last_error: None,
                failed: None,
                clients: BTreeMap::new(),
                next: 0,
            }),
        });
        let task = runtime
            .spawn(keep_fresh(
                Arc::clone(&provider),
                within.max(ANSWER_WITHIN),
                Arc::clone(&shared),
            ))
            .abort_handle();
        Ok(Arc::new(Self {
            shared,
            provider,
            runtime: runtime.clone(),
            task,
        }))
    }

    /// The token of now.
    pub fn token(&self) -> Token {
        self.shared.lock().token.clone()
    }

    /// How the token is now.
    pub fn status(&self) -> TokenStatus {
        let state = self.shared.lock();
        TokenStatus {
            expires_at: state.token.expires_at,
            fetched_at: state.fetched_at,
            principal: state.token.principal.clone(),
            source: state.token.source.clone(),
            fetched: state.fetched,
            failures: state.failures,
            last_error: state.last_error.clone(),
        }
    }

    /// How far this machine's clock is from the issuer's, where that is far.
    pub fn skew(&self) -> Option<Skew> {
        self.provider.skew()
    }

    /// As whom, where a service of the issuer's tells; waits at most `within`, and must not be called from a task of the
    /// cell's runtime.
    ///
    /// # Errors
    /// What the service said.
    pub fn identity(&self, within: Duration) -> Result<Option<String>, AuthError> {
        let (tell, told) = sync_channel(1);
        let provider = Arc::clone(&self.provider);
        let asking = self.runtime.spawn(async move {
            // Nobody waits any more: the answer is not needed.
            drop(tell.send(provider.identity().await));
        });
        told.recv_timeout(within).unwrap_or_else(|_| {
            asking.abort();
            Err(AuthError::unavailable(format!(
                "ask who this is: no answer within {within:?}"
            )))
        })
    }

    /// Gives `push` the token of now, and every later one until the subscription is dropped; after that it is not
    /// called any more. The token stays fresh as long as there is a subscription.
    ///
    /// # Errors
    /// What the client said to the token of now.
    pub fn subscribe(
        self: &Arc<Self>,
        push: impl Fn(&Token) -> Result<(), String> + Send + 'static,
    ) -> Result<Subscription, String> {
        let mut state = self.shared.lock();
        push(&state.token)?;
        let number = state.next;
        state.next += 1;
        state.clients.insert(number, Box::new(push));
        drop(state);
        Ok(Subscription {
            cell: Arc::clone(self),
            number,
        })
    }
}

impl Drop for TokenCell {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for TokenCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCell").finish_non_exhaustive()
    }
}

/// A client's place among those that get new tokens.
pub struct Subscription {
    cell: Arc<TokenCell>,
    number: u64,
}

impl Subscription {
    /// Whether a broker that refuses the token may take the next one: the token has expired, or the issuer failed a moment ago.
    pub fn awaits_a_token(&self) -> bool {
        let state = self.cell.shared.lock();
        let failed = state.failed.is_some_and(|at| at.elapsed() < RECOVERS_WITHIN);
        failed || state.token.left().is_zero()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Behind the lock: a push that is under way ends first.
        self.cell.shared.lock().clients.remove(&self.number);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a new token out; false where it is the one that clients have.
    fn replace(&self, token: Token) -> bool {
        let mut state = self.lock();
        (state.fetched, state.last_error) = (state.fetched + 1, None);
        state.fetched_at = SystemTime::now();
        if state.token.value == token.value {
            return false;
        }
        if state.token.principal != token.principal {
            warn!(
                before = state.token.principal,
                now = token.principal,
                "the token names another principal: brokers refuse that when a connection authenticates again"
            );
        }
        for push in state.clients.values() {
            if let Err(reason) = push(&token) {
                warn!(reason, "a client refused its new token");
            }
        }
        state.token = token;
        true
    }

    fn failed(&self, error: &AuthError) {
        let mut state = self.lock();
        (state.failures, state.last_error) = (state.failures + 1, Some(error.to_string()));
        state.failed = Some(Instant::now());
    }
}

/// Waits from outside of the runtime, and tells so.
fn await_first(
    provider: &Arc<dyn TokenProvider>,
    First {
        patience,
        within,
        waiting,
    }: First<'_>,
    runtime: &Handle,
) -> Result<Token, AuthError> {
    let (first, got) = sync_channel(1);
    let asked = Arc::clone(provider);
    let fetching = runtime.spawn(async move {
        // Nobody waits any more: the token is not needed.
        drop(first.send(first_token(&*asked, patience, within).await));
    });
    // It ends by itself; this is for a runtime that does not run.
    let limit = within + Duration::from_secs(2);
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let found = match got.recv_timeout(TELL.min(left)) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) if TELL < left => {
                waiting(provider.so_far().asked);
                continue;
            }
            Err(RecvTimeoutError::Timeout) => "no answer",
            Err(RecvTimeoutError::Disconnected) => "no runtime",
        };
        fetching.abort();
        return Err(AuthError::unavailable(format!(
            "fetch a token: {found} within {limit:?}"
        )));
    }
}

/// A clock that is off is the cause of many a refusal.
fn with_clock(mut error: AuthError, provider: &dyn TokenProvider) -> AuthError {
    if let Some(skew) = provider.skew() {
        error.message += &format!("; {skew}");
    }
    error
}

/// The first token: an issuer that is away for a moment is asked again, one that refuses is not.
async fn first_token(
    provider: &dyn TokenProvider,
    patience: Patience,
    within: Duration,
) -> Result<Token, AuthError> {
    let until = tokio::time::Instant::now() + within;
    let mut wait = BACK_OFF_FROM;
    loop {
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let error = match fetch(provider, left).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        let over = tokio::time::Instant::now() + wait >= until;
        if error.kind == AuthKind::Refused || patience == Patience::OneAttempt || over {
            return Err(error);
        }
        warn!(%error, ?wait, "no token yet; asking again");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(BACK_OFF_TO);
    }
}

async fn fetch(provider: &dyn TokenProvider, within: Duration) -> Result<Token, AuthError> {
    let token = tokio::time::timeout(within, provider.fetch()).await;
    let token = token.map_err(|_| {
        let so_far = provider.so_far();
        AuthError::silent(format!(
            "fetch a token: no answer within {:.1} s{so_far}",
            within.as_secs_f64()
        ))
    })??;
    if token.left().is_zero() {
        return Err(AuthError::unavailable(
            "fetch a token: the issuer gave one that has expired; compare the clocks of both machines",
        ));
    }
    Ok(token)
}

async fn keep_fresh(provider: Arc<dyn TokenProvider>, within: Duration, shared: Arc<Shared>) {
    let mut fetched = SystemTime::now();
    loop {
        let expires = shared.lock().token.expires_at;
        let life = expires.duration_since(fetched).unwrap_or_default();
        tokio::time::sleep(renew_in(fetched, expires)).await;
        let (mut wait, mut warned) = (BACK_OFF_FROM, false);
        loop {
            match fetch(&*provider, within).await {
                Ok(token) => {
                    debug!(principal = token.principal, left = ?token.left(), "have a new token");
                    fetched = SystemTime::now();
                    if shared.replace(token) {
                        break;
                    }
                    // The issuer keeps it until it is nearly over: asked again soon, and no failure.
                    let left = shared.lock().token.left();
                    tokio::time::sleep((left / 4).clamp(Duration::from_millis(100), BACK_OFF_TO)).await;
                    continue;
                }
                Err(error) => {
                    let left = shared.lock().token.left();
                    warn!(%error, ?left, ?wait, "no new token; the old one is used while it lasts");
                    shared.failed(&error);
                    if !warned && left < life.mul_f64(LAST_SHARE).max(LAST_MINUTE.min(life / 2)) {
                        warned = true;
                        warn!(
                            ?left,
                            "the token is about to expire: brokers then close every connection of this client"
                        );
                    }
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(BACK_OFF_TO);
        }
    }
}

/// How long a token fetched at `fetched` rests.
fn renew_in(fetched: SystemTime, expires: SystemTime) -> Duration {
    let life = expires.duration_since(fetched).unwrap_or(Duration::ZERO);
    let share = RENEW_AT + JITTER * (fastrand::f64() * 2.0 - 1.0);
    let due = life.mul_f64(share);
    let gone = SystemTime::now()
        .duration_since(fetched)
        .unwrap_or(Duration::ZERO);
    // Never in a tight loop, whatever lives for no time at all.
    due.saturating_sub(gone).max(Duration::from_millis(100))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::SoFar;

    /// Numbers its tokens; fails where told to.
    #[derive(Debug)]
    struct Issuer {
        asked: AtomicUsize,
        life: Duration,
        fails: fn(usize) -> Option<AuthKind>,
    }

    #[async_trait]
    impl TokenProvider for Issuer {
        async fn fetch(&self) -> Result<Token, AuthError> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            match (self.fails)(number) {
                Some(AuthKind::Refused) => Err(AuthError::refused("no")),
                Some(AuthKind::Unavailable) => Err(AuthError::unavailable("away")),
                None => Ok(Token {
                    value: format!("token-{number}").into(),
                    principal: "app".into(),
                    source: "a test".into(),
                    expires_at: SystemTime::now() + self.life,
                    extensions: Vec::new(),
                }),
            }
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(1).enable_all().build().expect("runtime")
    }

    fn start(
        runtime: &tokio::runtime::Runtime,
        life: Duration,
        fails: fn(usize) -> Option<AuthKind>,
    ) -> (Arc<Issuer>, Result<Arc<TokenCell>, AuthError>) {
        let issuer = Arc::new(Issuer {
            asked: AtomicUsize::new(0),
            life,
            fails,
        });
        let provider: Arc<dyn TokenProvider> = Arc::<Issuer>::clone(&issuer);
        (issuer, begin(provider, Duration::from_secs(3), runtime))
    }

    fn begin(
        provider: Arc<dyn TokenProvider>,
        within: Duration,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<Arc<TokenCell>, AuthError> {
        let first = First {
            patience: Patience::UntilTimeout,
            within,
            waiting: &mut |_| {},
        };
        TokenCell::start(provider, first, runtime.handle())
    }

    fn await_until(what: &str, done: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !done() {
            assert!(Instant::now() < until, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn every_client_gets_every_token_until_it_leaves() {
        let runtime = runtime();
        let (issuer, cell) = start(&runtime, Duration::from_millis(400), |_| None);
        let cell = cell.expect("a token");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let push = Arc::clone(&seen);
        let subscription = cell.subscribe(move |token| {
            push.lock().expect("lock").push(token.value.expose().to_owned());
            Ok(())
        });
        await_until("three tokens", || seen.lock().expect("lock").len() >= 3);
        assert_eq!(seen.lock().expect("lock")[..3], ["token-0", "token-1", "token-2"]);
        let subscription = subscription.expect("a subscription");
        assert!(!subscription.awaits_a_token(), "nothing is wrong with this one");
        drop(subscription);
        let (pushed, asked) = (
            seen.lock().expect("lock").len(),
            issuer.asked.load(Ordering::SeqCst),
        );
        await_until("more tokens", || issuer.asked.load(Ordering::SeqCst) > asked + 1);
        assert_eq!(seen.lock().expect("lock").len(), pushed);
        drop(cell);
        await_until("the task ends", || Arc::strong_count(&issuer) == 1);
    }

    #[test]
    fn a_subscription_keeps_the_token_fresh() {
        let runtime = runtime();
        let (issuer, cell) = start(&runtime, Duration::from_millis(400), |_| None);
        let subscription = cell.expect("a token").subscribe(|_| Ok(()));
        let asked = issuer.asked.load(Ordering::SeqCst);
        await_until("more tokens", || issuer.asked.load(Ordering::SeqCst) > asked + 1);
        drop(subscription);
        await_until("the task ends", || Arc::strong_count(&issuer) == 1);
    }

    #[test]
    fn a_refusal_ends_at_once_and_an_absence_is_tried_again() {
        let runtime = runtime();
        let (issuer, cell) = start(&runtime, Duration::from_secs(60), |_| Some(AuthKind::Refused));
        assert_eq!(cell.expect_err("refused").kind, AuthKind::Refused);
        assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
        let away_once = |number| (number == 0).then_some(AuthKind::Unavailable);
        let (issuer, cell) = start(&runtime, Duration::from_secs(60), away_once);
        assert_eq!(cell.expect("a token").token().value.expose(), "token-1");
        assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn the_old_token_stays_while_the_issuer_is_away() {
        let runtime = runtime();
        let first_only = |number| (number == 1).then_some(AuthKind::Unavailable);
        let (issuer, cell) = start(&runtime, Duration::from_millis(800), first_only);
        let cell = cell.expect("a token");
        await_until("one failure", || issuer.asked.load(Ordering::SeqCst) == 2);
        assert_eq!(cell.token().value.expose(), "token-0");
        await_until("the failure is told", || cell.status().failures == 1);
        assert!(cell.status().last_error.is_some_and(|text| text.contains("away")));
        await_until("the next token", || cell.token().value.expose() == "token-2");
        let status = cell.status();
        assert_eq!((status.fetched, status.last_error), (2, None));
        let subscription = cell.subscribe(|_| Ok(())).expect("a subscription");
        assert!(
            subscription.awaits_a_token(),
            "clients may not have come again yet"
        );
    }

    /// Answers after a while, always the same.
    #[derive(Debug)]
    struct Slow(Duration, AtomicUsize);

    #[async_trait]
    impl TokenProvider for Slow {
        async fn fetch(&self) -> Result<Token, AuthError> {
            self.1.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(self.0).await;
            Ok(Token {
                value: "same".into(),
                principal: "app".into(),
                source: "a test".into(),
                expires_at: SystemTime::now() + Duration::from_secs(1),
                extensions: Vec::new(),
            })
        }

        fn so_far(&self) -> SoFar {
            SoFar {
                tried: vec!["first: nothing there".into()],
                asked: Some("second".into()),
            }
        }
    }

    #[test]
    fn who_waits_is_told_for_whom_and_at_the_end_what_was_tried() {
        let runtime = runtime();
        let mut told = Vec::new();
        let first = First {
            patience: Patience::OneAttempt,
            within: Duration::from_millis(2_500),
            waiting: &mut |asked| told.push(asked.unwrap_or_default()),
        };
        let slow = Arc::new(Slow(Duration::from_secs(60), AtomicUsize::new(0)));
        let error = TokenCell::start(slow, first, runtime.handle()).expect_err("too slow");
        assert_eq!(told, ["second", "second"]);
        let text = error.to_string();
        assert!(
            text.contains("within 2.5 s; tried first: nothing there; second: no answer yet"),
            "{text}"
        );
    }

    #[test]
    fn a_slow_source_has_all_the_time_there_is_and_no_more() {
        let runtime = runtime();
        let slow = |answers: u64, within: u64| {
            let provider: Arc<dyn TokenProvider> =
                Arc::new(Slow(Duration::from_millis(answers), AtomicUsize::new(0)));
            begin(provider, Duration::from_millis(within), &runtime)
        };
        assert!(slow(1_500, 5_000).is_ok());
        let begin = Instant::now();
        let error = slow(60_000, 800).expect_err("too slow").to_string();
        assert!(
            error.contains("no answer within") && begin.elapsed() < Duration::from_secs(5),
            "{error}"
        );
    }

    #[test]
    fn the_same_token_again_is_neither_pushed_nor_a_failure() {
        let runtime = runtime();
        let same = Arc::new(Slow(Duration::ZERO, AtomicUsize::new(0)));
        let provider: Arc<dyn TokenProvider> = Arc::<Slow>::clone(&same);
        let cell = begin(provider, Duration::from_secs(1), &runtime).expect("a token");
        let pushed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&pushed);
        let subscription = cell.subscribe(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        await_until("it is asked for three times", || {
            same.1.load(Ordering::SeqCst) >= 3
        });
        assert_eq!((pushed.load(Ordering::SeqCst), cell.status().failures), (1, 0));
        drop(subscription);
    }

    #[test]
    fn a_token_that_has_expired_is_no_token() {
        let runtime = runtime();
        let (_, cell) = start(&runtime, Duration::ZERO, |_| None);
        assert!(cell.expect_err("expired").message.contains("clocks"));
    }

    #[test]
    fn tokens_are_renewed_well_before_clients_want_to() {
        let now = SystemTime::now();
        for _ in 0..100 {
            let wait = renew_in(now, now + Duration::from_secs(1000)).as_secs_f64();
            assert!((540.0..=650.0).contains(&wait), "{wait}");
        }
    }
}
