import ArgumentParser
import Configuration
import ControlProtocol
import MailServer
import NameServers
import Reports

/// `report --ask-lists`: asks DNSBLs whether they are alive. The one thing in a report that leaves this host.
struct ListAsking: ParsableArguments {
    @Flag(help: "Ask the DNSBLs of the log and of the mail server's settings whether they are alive, by DNS.")
    var askLists = false
    @Option(help: ArgumentHelp("With --ask-lists: this list too, and first. May be repeated.", valueName: "zone"))
    var list: [String] = []
    @Option(
        help: ArgumentHelp(
            "With --ask-lists: the name server to ask, in place of those of /etc/resolv.conf.", valueName: "address"))
    var resolver: String?

    private static let span = Duration.seconds(5)

    func validate() throws {
        guard askLists || (list.isEmpty && resolver == nil) else {
            throw ValidationError("--list and --resolver want --ask-lists")
        }
    }

    /// Asks, and whether anybody answered at all.
    func ask(_ base: ReportBase, _ settings: Settings) throws -> (tests: ListTests, hasAnswer: Bool) {
        var zones = ListZones()
        for name in list {
            guard zones.add(name, [.addresses, .names], from: "named") else {
                throw Failure(ExitStatus.usage, "--list \(shown(name)): expected a domain name like zen.spamhaus.org")
            }
        }
        // Who may not see them, or has no server here, still has the log's.
        let servers = (try? listeningServers(settings).servers) ?? []
        for server in servers where server.fits(settings.mta.onlyKind) {
            for list in server.lists {
                zones.add(list.zone, list.isOfNames ? .names : .addresses, from: server.mta?.rawValue ?? server.name)
            }
        }
        for (label, kinds) in base.listLabels { zones.add(label: label, kinds) }
        guard !zones.zones.isEmpty else {
            throw Failure(
                ExitStatus.no,
                "no list to ask: none in 28 days of the log, none in the mail server's settings"
                    + (servers.isEmpty ? " (root sees them)" : "") + "; name one with --list")
        }
        let resolvers = try self.resolvers
        var questions: [DNSQuestion] = []
        var asked: [(zone: ListZones.Zone, questions: [ListTest.Question])] = []
        for zone in zones.zones {
            let wanted = ListTest.Question.allCases.filter { zone.kinds.contains($0.kind) }
            let made = wanted.compactMap { DNSQuestion($0.name(in: zone.name), $0.isText ? .text : .address) }
            guard made.count == wanted.count, questions.count + made.count <= Asking.mostQuestions else { break }
            questions += made
            asked.append((zone, wanted))
        }
        let (answers, hasAnswer) = Asking.ask(questions, of: resolvers, within: ListAsking.span)
        var left = answers[...]
        let tests = asked.map { zone, questions in
            let own = zip(questions, left.prefix(questions.count)).map { ($0, ListTest.Answer($1)) }
            left = left.dropFirst(questions.count)
            return ListTest(zone.name, zone.kinds, Dictionary(own) { $1 })
        }
        let names = resolvers.map(\.description).joined(separator: ", ")
        return (base.listTests(of: tests, zones, askedOf: names), hasAnswer)
    }

    private var resolvers: [NameServer] {
        get throws {
            guard let resolver else { return NameServer.configured() }
            guard let server = NameServer(resolver) else {
                throw Failure(
                    ExitStatus.usage, "--resolver \(shown(resolver)): expected an address, with a port 127.0.0.1:5353")
            }
            return [server]
        }
    }
}

extension ListTest.Answer {
    init(_ answer: DNSAnswer) {
        switch answer {
        case .addresses(let addresses): self = .addresses(addresses)
        case .texts(let texts): self = .texts(texts)
        case .nothing: self = .nothing
        case .failed(let why): self = .failed(why)
        }
    }
}
