//! AWS's configuration files: which profiles there are, and a name for the sessions of those that assume a role without one.

use aws_config::profile::{ProfileFileLoadError, load};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::SESSION;

/// The names of all profiles.
pub(super) async fn names() -> Result<Vec<String>, ProfileFileLoadError> {
    let all = load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None).await?;
    let mut names: Vec<String> = all.profiles().map(str::to_owned).collect();
    names.sort_unstable();
    Ok(names)
}

/// The files as they are, behind one that names the session of each profile: what stands in a later file goes over it. The SDK's own
/// default name holds the time, and would change with each new role.
pub(super) fn with_session_names(names: &[String]) -> EnvConfigFiles {
    let section = |name: &String| match name.as_str() {
        "default" => format!("[default]\nrole_session_name = {SESSION}\n"),
        name => format!("[profile {name}]\nrole_session_name = {SESSION}\n"),
    };
    let sections: String = names.iter().map(section).collect();
    EnvConfigFiles::builder()
        .with_contents(EnvConfigFileKind::Config, sections)
        .include_default_config_file(true)
        .include_default_credentials_file(true)
        .build()
}
