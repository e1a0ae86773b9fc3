//! The HTTP clients: the SDK's, with what it leaves out. AWS's own services are asked through the proxy that the environment names,
//! services on this machine without one, and those may take their time.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient};

/// For AWS's own services. Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in capitals or not.
pub(super) fn remote() -> SharedHttpClient {
    client(ProxyConfig::from_env, HttpConnectorSettings::clone)
}

/// For services on this machine. The SDK gives them a second or five for an answer, and lets nobody change that everywhere; an agent
/// that has just been started may need half a minute.
pub(super) fn local() -> SharedHttpClient {
    client(ProxyConfig::disabled, |settings| {
        let mut patient = HttpConnectorSettings::builder();
        patient.set_connect_timeout(settings.connect_timeout());
        patient.build()
    })
}

fn client(
    proxy: fn() -> ProxyConfig,
    changed: fn(&HttpConnectorSettings) -> HttpConnectorSettings,
) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .proxy_config(proxy())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.map(changed));
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.build()
    })
}
