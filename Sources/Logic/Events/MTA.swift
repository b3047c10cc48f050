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
}
