/// The programs of an MTA that starts one of its own for each connection, as far as shedding relies on them; names as
/// /proc/PID/comm and the file name of /proc/PID/exe have them.
package struct SlotPrograms: Equatable, Sendable {
    package var listener: String
    package var slot: String
    /// The process that stands between the network and a slot once TLS has begun, where there is one. It is no
    /// relative of the slot: couriertls detaches itself, so its parent is the listener's own or a further one.
    package var carrier: String?
    /// The slot's child that judges a transaction's sender and recipients, where there is one.
    package var judge: String?

    /// Courier 1.0.16: couriertcpd sets TCPREMOTEIP, TCPREMOTEPORT, TCPLOCALIP and TCPLOCALPORT and starts
    /// courieresmtpd with the connection as descriptors 0 and 1. SIGTERM ends it at once, and its submit with it,
    /// also in the middle of the tarpit's sleep.
    package static let courier = SlotPrograms(
        listener: "couriertcpd", slot: "courieresmtpd", carrier: "couriertls", judge: "submit")
}

/// `[shed] method` of the configuration.
package enum ShedMethod: String, Sendable {
    /// As the MTA's processes are: SIGTERM to a slot of Courier's, for all others the socket is destroyed.
    case auto
    /// SIGTERM only, and only to a process that serves one connection and nothing else.
    case signal
    case destroy
    case off
}
