/// The mail servers whose logs are read, by the names of the configuration and of `parse`.
package enum MTA: String, Sendable, CaseIterable {
    case courier
    /// smtpd and postscreen.
    case postfix
    case exim
    case sendmail
    case opensmtpd
    case qpsmtpd
    /// tcpserver and rblsmtpd, and what runs behind them.
    case qmail
    /// A pattern of the administrator's own.
    case site

    /// How long the server keeps the slot of a client that falls silent after its rejection, with the settings that it
    /// comes with in Debian (docs/mtas).
    package var usualHold: Duration {
        switch self {
        // esmtptimeout, and the 8 s of the tarpit.
        case .courier: .seconds(608)
        // smtpd_timeout and postscreen_command_time_limit; smtp_receive_timeout; Timeout.command; built in.
        case .postfix, .exim, .sendmail, .opensmtpd: .seconds(300)
        // config/timeout.
        case .qpsmtpd: .seconds(1200)
        // rblsmtpd -t, for the whole session.
        case .qmail: .seconds(60)
        // RFC 5321, 4.5.3.2.7.
        case .site: .seconds(300)
        }
    }
}
