/// How an MTA's processes serve its connections, as far as shedding relies on it.
package enum ProcessModel: Sendable {
    /// A process for each connection, child of the process that listens; it ends cleanly on SIGTERM.
    case processPerConnection(Programs)
    /// Nothing is known of its processes: connections are ended by the kernel, whoever holds them.
    case unknown

    /// Names as /proc/PID/comm and the file name of /proc/PID/exe have them.
    package struct Programs: Equatable, Sendable {
        package var listener: String
        package var slot: String
        /// The process that stands between the network and a slot once TLS has begun, where there is one. It is no
        /// relative of the slot: couriertls detaches itself, so its parent is the listener's own or a further one.
        package var carrier: String?
        /// The slot's child that judges a transaction's sender and recipients, where there is one.
        package var judge: String?
    }

    /// Courier 1.0.16: couriertcpd sets TCPREMOTEIP, TCPREMOTEPORT, TCPLOCALIP and TCPLOCALPORT and starts
    /// courieresmtpd with the connection as descriptors 0 and 1. SIGTERM ends it at once, and its submit with it,
    /// also in the middle of the tarpit's sleep.
    package static let courier = ProcessModel.processPerConnection(
        Programs(listener: "couriertcpd", slot: "courieresmtpd", carrier: "couriertls", judge: "submit"))
}

/// `[shed] method` of the configuration.
package enum ShedMethod: String, Sendable {
    /// `signal` where the processes are known, else `destroy`.
    case auto
    case signal
    case destroy
    case off
}
