import Events

/// Whether the servers that run are of the kind that the configuration names.
extension RunningServer {
    /// Whether it may be what `kind` names; `nil` names all of them.
    package func fits(_ kind: MTA?) -> Bool {
        guard let kind, let mta, mta != kind else { return true }
        // tcpserver starts a program for each connection, and is asked for its limit only.
        return mta == .qmail && [.exim, .sendmail, .qpsmtpd].contains(kind)
    }

    /// What is wrong when these servers serve our ports and `kind` names another, and what to do; `nil` when all is well.
    package static func misfit(_ servers: [RunningServer], _ kind: MTA?) -> (text: String, remedy: String)? {
        let others = servers.filter { !$0.fits(kind) }
        guard let kind, let first = others.first else { return nil }
        let names = others.prefix(4).map { server in
            let ports = server.listener.ports.map(String.init).joined(separator: ", ")
            return "\(server.name) (\(server.listener.command), pid \(server.listener.pid)) on port \(ports)"
        }
        let isAlone = others.count == servers.count && Set(others.map(\.mta)).count == 1
        let own = isAlone ? first.mta.map { " or \"\($0.rawValue)\"" } ?? "" : ""
        return (
            "[mta] kind = \"\(kind.rawValue)\", but what listens is \(names.joined(separator: "; ")): "
                + "its lines are not read",
            "set [mta] kind to \"auto\"\(own)"
        )
    }
}
