import Foundation
import Testing

extension LabTests {
    /// Lines that come over the network, from a real rsyslogd beside a real Courier.
    @Suite struct SyslogInput {
        @Test(arguments: ["octet-counted", "traditional"])
        func `our own lines ban and free the slot, those of another host only ban`(framing: String) throws {
            let server = try mailServer
            try Daemon.with(["mta.log": "\"syslog://127.0.0.1:5514\""]) { daemon in
                let forwarder = try Forwarder(server, in: daemon.directory, framing)
                defer { forwarder.end() }
                // Courier's own lines, by way of rsyslogd.
                let seen = try server.client("two_connections.py", "198.18.41.2", "198.18.41.3")
                #expect(seen["zombie"]["end"].string == "fin")
                #expect(seen["user"]["delivered"].string?.hasPrefix("250") == true)
                try eventually("the ban is in the set") { try server.holds("198.18.41.2/32") }
                let shed = try daemon.decisions { $0.contains { $0.kind == "shed" } }.filter { $0.kind == "shed" }
                #expect(shed.map(\.port) == [seen["zombie"]["port"].int])

                // A relay tells of what other hosts rejected.
                for host in ["mx2", "mx3"] {
                    try forwarder.send(
                        rejection(of: "198.18.42.\(host == "mx2" ? 2 : 3)").replacingOccurrences(
                            of: " mx ", with: " \(host) "))
                }
                try eventually("both are banned") {
                    try server.holds("198.18.42.2/32") && server.holds("198.18.42.3/32")
                }
                let status = try daemon.json("status")
                let hosts = status["hosts"].array
                #expect(Set(hosts.compactMap { $0["host"].string }) == ["mx", "mx2", "mx3"])
                for host in hosts { #expect(host["remote"].bool == (host["host"].string != "mx")) }
                #expect(hosts.filter { $0["remote"].bool == true }.map { $0["events"].int } == [1, 1])
                #expect(try daemon.counter("sheds") == 1)
                #expect(try daemon.counter("broken") == 0)
            }
        }

        @Test func `a port that another program has is named with how to find that program`() throws {
            let server = try mailServer
            try Daemon.with(["mta.log": "\"syslog://127.0.0.1:5514\""], starts: false) { daemon in
                // As rsyslogd binds it: others who say SO_REUSEADDR would share the port, and one of them gets nothing.
                let script =
                    "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
                    + "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', 5514)); time.sleep(60)"
                let other = try Program(server.inside(.server, ["/usr/bin/python3", "-c", script]))
                defer { other.end() }
                try eventually("the port is taken") {
                    try Lab.run(server.inside(.server, ["ss", "-Hlun", "sport", "=", ":5514"])).output.contains(":5514")
                }
                #expect(try daemon.launch().wait().code == 69)
                let said = daemon.stderr
                #expect(said.contains("syslog://127.0.0.1:5514 cannot be followed"))
                #expect(said.contains("EADDRINUSE"))
                #expect(said.contains("ss -tulnp sport = :5514"), "\(said)")
                let doctor = try Lab.run(
                    server.inside(
                        .server, [programDirectory + "/breakwater", "doctor", "--config", daemon.configPath]))
                #expect(doctor.code == 1)
                #expect(
                    doctor.output.split(separator: "\n").contains {
                        $0.hasPrefix("FAIL log") && $0.contains("ss -tulnp sport = :5514")
                    }, "\(doctor)")
            }
        }

        @Test func `what is no syslog is turned away, said, and costs the sender's neighbours nothing`() throws {
            let server = try mailServer
            try Daemon.with(["mta.log": "\"syslog+tcp://127.0.0.1:5514\""]) { daemon in
                let forwarder = try Forwarder(server, in: daemon.directory, "octet-counted")
                defer { forwarder.end() }
                let script =
                    "exec 3<>/dev/tcp/127.0.0.1/5514; printf 'GET / HTTP/1.1\\r\\n\\r\\n' >&3; read -t 10 -u 3 line; echo $?"
                let probe = try Lab.run(server.inside(.server, ["bash", "-c", script]))
                // The end of the connection, not the end of the wait.
                #expect(probe.output == "1\n", "\(probe.testDescription)")
                try forwarder.send(rejection(of: "198.18.43.2"))
                try eventually("it is banned") { try server.holds("198.18.43.2/32") }
                #expect(try daemon.counter("broken") == 1)
                try eventually("it is said") { daemon.stderr.contains("does not send syslog") }
            }
        }
    }
}

/// An rsyslogd on the server that forwards the mail log, and what is sent to it, over TCP.
private final class Forwarder {
    private let server: MailServer
    private let program: Program
    private let directory: String

    init(_ server: MailServer, in directory: String, _ framing: String) throws {
        self.server = server
        self.directory = directory
        // It hands on lines as they are; the priority is all that a file's line lacks.
        let configuration = """
            global(workDirectory="\(directory)")
            module(load="imfile")
            module(load="imudp")
            template(name="message" type="string" string="<22>%msg%")
            template(name="own" type="string" string="%rawmsg%")
            ruleset(name="file") {
                action(type="omfwd" target="127.0.0.1" port="5514" protocol="tcp" TCP_Framing="\(framing)" template="message")
            }
            ruleset(name="others") {
                action(type="omfwd" target="127.0.0.1" port="5514" protocol="tcp" TCP_Framing="\(framing)" template="own")
            }
            input(type="imfile" file="/var/log/mail.log" tag="mail:" ruleset="file" freshStartTail="on")
            input(type="imudp" address="127.0.0.1" port="10514" ruleset="others")
            """
        let path = directory + "/forward.conf"
        try Data((configuration + "\n").utf8).write(to: URL(fileURLWithPath: path))
        program = try Program(
            [
                labScript, "exec", "--name", server.name, "--in", "server", "--root", "--show", directory, "--",
                "rsyslogd", "-n", "-i", "NONE", "-f", path,
            ], log: directory + "/rsyslogd")
        try eventually("rsyslogd listens") {
            try Lab.run(server.inside(.server, ["ss", "-Hlun", "sport", "=", ":10514"])).output.contains(":10514")
        }
        // imfile begins at the end only when it has looked once.
        usleep(500_000)
    }

    /// One message, as a host sends it.
    func send(_ line: String) throws {
        let script = "printf '<22>%s' \"$1\" >/dev/udp/127.0.0.1/10514"
        let done = try Lab.run(server.inside(.server, ["bash", "-c", script, "bash", line]))
        try #require(done.code == 0, "\(done.testDescription)")
    }

    /// Ends rsyslogd itself, not only the command that started it.
    func end() {
        let children = try? String(
            contentsOfFile: "/proc/\(program.pid)/task/\(program.pid)/children", encoding: .utf8)
        for child in (children ?? "").split(separator: " ").compactMap({ pid_t($0) }) { kill(child, SIGKILL) }
        program.end()
    }
}
