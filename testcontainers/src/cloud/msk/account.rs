//! An AWS account: whose keys there are, which roles may be assumed, what its clock says. The broker reads the keys from
//! a file. It knows no service.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::cloud::random;
use crate::cloud::time::{Clock, seconds};
use crate::hidden::Hidden;

/// The account's number.
pub(crate) const NUMBER: &str = "111122223333";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The account that a cluster belongs to.
#[derive(Debug)]
pub struct Account {
    /// What the broker reads.
    identities: PathBuf,
    user: Identity,
    state: Mutex<State>,
}

/// A key, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) access_key: String,
    pub(crate) secret: Hidden,
    pub(crate) session: Option<Session>,
    /// What services and brokers know its holder as.
    pub(crate) arn: String,
}

/// What temporary credentials have besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) token: Hidden,
    pub(crate) expires: SystemTime,
}

/// What the token service was asked for, so far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsCall {
    /// Such as `AssumeRole`.
    pub action: String,
    pub role_arn: Option<String>,
    pub session_name: Option<String>,
    pub external_id: Option<String>,
    /// The answer's status.
    pub status: u16,
}

#[derive(Debug)]
struct State {
    identities: Vec<Identity>,
    roles: Vec<Role>,
    lifetime: Duration,
    clock: Clock,
    calls: Vec<StsCall>,
}

#[derive(Debug)]
struct Role {
    name: String,
    external_id: Option<String>,
}

impl Account {
    /// With one user; its files are in `folder`.
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        let user = Identity {
            access_key: format!("AKIA{}", random::text(CAPITALS, 16)?),
            secret: random::base64(30)?.into(),
            session: None,
            arn: format!("arn:aws:iam::{NUMBER}:user/app"),
        };
        let account = Self {
            identities: folder.join("identities"),
            user: user.clone(),
            state: Mutex::new(State {
                identities: vec![user],
                roles: Vec::new(),
                lifetime: Duration::from_secs(3600),
                clock: Clock::Ahead(Duration::ZERO),
                calls: Vec::new(),
            }),
        };
        account.write(&account.state())?;
        Ok(account)
    }

    /// The user's own key, which does not expire.
    pub fn access_key(&self) -> &str {
        &self.user.access_key
    }

    /// The secret of the user's own key.
    pub fn secret_key(&self) -> &str {
        self.user.secret.show()
    }

    /// How long temporary credentials last that are handed out from now on, in whole seconds.
    pub fn lifetime(&self, lifetime: Duration) {
        self.state().lifetime = lifetime;
    }

    /// A role that everybody in the account may assume; its ARN.
    pub fn role(&self, name: &str) -> String {
        self.add_role(name, None)
    }

    /// A role that is assumed with this external id only; its ARN.
    pub fn role_with_external_id(&self, name: &str, id: &str) -> String {
        self.add_role(name, Some(id.into()))
    }

    fn add_role(&self, name: &str, external_id: Option<String>) -> String {
        let mut state = self.state();
        state.roles.retain(|role| role.name != name);
        state.roles.push(Role {
            name: name.into(),
            external_id,
        });
        role_arn(name)
    }

    /// AWS's clock, broker included, is so much ahead of this machine's from now on.
    ///
    /// # Panics
    /// Where the broker cannot be told.
    pub fn clock_ahead(&self, by: Duration) {
        self.set_clock(Clock::Ahead(by));
    }

    /// AWS's clock, broker included, is so much behind this machine's from now on.
    ///
    /// # Panics
    /// Where the broker cannot be told.
    pub fn clock_behind(&self, by: Duration) {
        self.set_clock(Clock::Behind(by));
    }

    fn set_clock(&self, clock: Clock) {
        let mut state = self.state();
        state.clock = clock;
        self.write(&state).expect("tell the broker what time it is");
    }

    /// Deletes a key: that of the user, or a temporary one.
    ///
    /// # Panics
    /// Where the broker cannot be told.
    pub fn revoke(&self, access_key: &str) {
        let mut state = self.state();
        state.identities.retain(|known| known.access_key != access_key);
        self.write(&state).expect("tell the broker which keys there are");
    }

    /// What the token service was asked for so far.
    pub fn calls(&self) -> Vec<StsCall> {
        self.state().calls.clone()
    }

    pub(crate) fn note(&self, call: StsCall) {
        self.state().calls.push(call);
    }

    /// What AWS's clock says.
    pub(crate) fn now(&self) -> SystemTime {
        self.state().clock.now()
    }

    /// What the broker is told to read.
    pub(crate) fn identities(&self) -> &Path {
        &self.identities
    }

    pub(crate) fn user(&self) -> &Identity {
        &self.user
    }

    pub(crate) fn identity(&self, access_key: &str) -> Option<Identity> {
        let state = self.state();
        state
            .identities
            .iter()
            .find(|known| known.access_key == access_key)
            .cloned()
    }

    /// Whether the role is there, and takes who shows this external id.
    pub(crate) fn may_assume(&self, arn: &str, external_id: Option<&str>) -> bool {
        let state = self.state();
        let role = state.roles.iter().find(|role| role_arn(&role.name) == arn);
        role.is_some_and(|role| role.external_id.is_none() || role.external_id.as_deref() == external_id)
    }

    /// Temporary credentials of a role, for at most so long; `expired`: their time was over a minute ago.
    pub(crate) fn issue(
        &self,
        role: &str,
        session: &str,
        at_most: Option<Duration>,
        expired: bool,
    ) -> io::Result<Identity> {
        let now = self.now();
        let mut state = self.state();
        let lifetime = at_most.map_or(state.lifetime, |most| most.min(state.lifetime));
        let expires = if expired {
            now - Duration::from_secs(60)
        } else {
            now + lifetime
        };
        let identity = Identity {
            access_key: format!("ASIA{}", random::text(CAPITALS, 16)?),
            secret: random::base64(30)?.into(),
            session: Some(Session {
                // With every letter that an encoding has an opinion on.
                token: format!("IQoJb3JpZ2luX2VjE+/{}==", random::base64(90)?).into(),
                expires,
            }),
            arn: format!("arn:aws:sts::{NUMBER}:assumed-role/{role}/{session}"),
        };
        state.identities.push(identity.clone());
        self.write(&state)?;
        Ok(identity)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker sees the old file or the new one.
    fn write(&self, state: &State) -> io::Result<()> {
        let clock = match state.clock {
            Clock::Ahead(by) => by.as_secs().to_string(),
            Clock::Behind(by) => format!("-{}", by.as_secs()),
        };
        let mut text = format!("clock\t{clock}\n");
        for identity in &state.identities {
            let Identity {
                access_key,
                secret,
                session,
                arn,
            } = identity;
            let (token, expires) = match session {
                Some(session) => (session.token.show(), seconds(session.expires).to_string()),
                None => ("", String::new()),
            };
            let secret = secret.show();
            text.push_str(&format!(
                "key\t{access_key}\t{secret}\t{token}\t{expires}\t{arn}\n"
            ));
        }
        let new = self.identities.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, &self.identities)
    }
}

/// A role's ARN.
pub(crate) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{NUMBER}:role/{name}")
}
