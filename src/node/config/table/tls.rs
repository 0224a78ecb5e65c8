//! TLS: accepted so that shared configuration files load, but this build has none.

use super::{INT, NO_TLS, PORT};
use crate::node::config::directive::{Directive, choice, flag, number, text};

pub(super) const ROWS: &[Directive] = &[
    number("tls-port", 0, PORT, "0", "The TLS port for clients; 0 means none.").refused(NO_TLS),
    flag("tls-cluster", "no", "Use TLS on the cluster bus.").refused(NO_TLS),
    flag("tls-replication", "no", "Use TLS to the primary.").refused(NO_TLS),
    choice("tls-auth-clients", &["no", "yes", "optional"], "yes", "Whether clients must show a certificate.")
        .without_effect(NO_TLS),
    text("tls-cert-file", "", "The certificate of this node.").without_effect(NO_TLS),
    text("tls-key-file", "", "The private key of this node.").without_effect(NO_TLS),
    text("tls-key-file-pass", "", "The password of the private key.").sensitive().without_effect(NO_TLS),
    text("tls-client-cert-file", "", "The certificate for connections that this node opens.").without_effect(NO_TLS),
    text("tls-client-key-file", "", "The private key for connections that this node opens.").without_effect(NO_TLS),
    text("tls-client-key-file-pass", "", "The password of that private key.").sensitive().without_effect(NO_TLS),
    text("tls-dh-params-file", "", "The Diffie-Hellman parameters.").without_effect(NO_TLS),
    text("tls-ca-cert-file", "", "The file of trusted authorities.").without_effect(NO_TLS),
    text("tls-ca-cert-dir", "", "The directory of trusted authorities.").without_effect(NO_TLS),
    text("tls-protocols", "", "The versions of TLS to speak.").without_effect(NO_TLS),
    text("tls-ciphers", "", "The ciphers up to TLS 1.2.").without_effect(NO_TLS),
    text("tls-ciphersuites", "", "The ciphers of TLS 1.3.").without_effect(NO_TLS),
    flag("tls-prefer-server-ciphers", "no", "Let the node choose the cipher.").without_effect(NO_TLS),
    flag("tls-session-caching", "yes", "Let clients resume sessions.").without_effect(NO_TLS),
    number("tls-session-cache-size", 0, INT, "20480", "How many sessions can be resumed.").without_effect(NO_TLS),
    number("tls-session-cache-timeout", 0, INT, "300", "For how many seconds a session can be resumed.")
        .without_effect(NO_TLS),
];
