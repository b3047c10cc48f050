/// What a Courier is told about serving connections, as far as slots depend on it.
///
/// Two places say it: /etc/courier/esmtpd, a shell file of KEY=VALUE lines (couriertcpd(8), esmtpd(8)), and the
/// command line of the couriertcpd that runs, which is what holds until the next restart.
package struct CourierSettings: Equatable, Sendable {
    /// Connections served at once: MAXDAEMONS, -maxprocs.
    package var maxDaemons: Int?
    /// Connections served at once from one /24: MAXPERC, -maxperc.
    package var maxPerNetwork: Int?
    /// Connections served at once from one address: MAXPERIP, -maxperip.
    package var maxPerAddress: Int?
    /// Whether replies to a rejected client are delayed 8, 16, 32 ... s; on unless TARPIT=0.
    package var isTarpitOn: Bool?
    /// ESMTP_LOG_DIALOG: the clients' own lines are in the log, and look like Courier's.
    package var logsDialogue = false
    /// The options that name DNSBLs, as written: `-block=zen.example,BLOCK,*`.
    package var blocks: [String] = []
    /// PORT, as written: a number or a service, several separated by commas, each with an address in front perhaps.
    package var port: String?

    /// How long a client may be silent: the control file esmtptimeout, 10 minutes without it; in DATA esmtpdata, 5.
    package var commandTimeout: Duration?
    package var dataTimeout: Duration?

    package init() {}

    /// The span in a control file (courier(8)): numbers with s, m, h, d or w behind them, added up; none means seconds.
    /// `nil` when it says nothing. Of a line longer than any span only the begin is read.
    package static func span(controlFile text: String) -> Duration? {
        var total: Int64?
        var number: Int64?
        let line = text.prefix(64).prefix { $0 != "\n" && $0 != "\r\n" }.lowercased()
        for character in line where character != " " && character != "\t" {
            if let digit = character.wholeNumberValue, character.isASCII {
                guard (number ?? 0) < 1_000_000_000 else { return nil }
                number = (number ?? 0) * 10 + Int64(digit)
                continue
            }
            guard let factor = spanUnits[character] else { break }
            total = (total ?? 0) + (number ?? 0) * factor
            number = nil
        }
        if let number { total = (total ?? 0) + number }
        return total.map { .seconds($0) }
    }

    private static let spanUnits: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800]

    /// Reads the shell file. Only plain assignments are understood, with either quote; the last one wins.
    package init(esmtpdFile text: String) {
        for line in text.lines {
            let bare = line.drop { $0 == " " || $0 == "\t" }
            guard !bare.hasPrefix("#"), let equals = bare.firstIndex(of: "=") else { continue }
            let value = CourierSettings.unquoted(bare[bare.index(after: equals)...])
            switch bare[..<equals] {
            case "MAXDAEMONS": maxDaemons = Int(value)
            case "MAXPERC": maxPerNetwork = Int(value)
            case "MAXPERIP": maxPerAddress = Int(value)
            case "TARPIT": isTarpitOn = value != "0"
            case "PORT": port = value
            case "ESMTP_LOG_DIALOG": logsDialogue = !value.isEmpty && value != "0"
            case "BLACKLISTS":
                blocks = value.split(separator: " ").map { CourierSettings.unquoted($0) }.filter {
                    $0.hasPrefix("-block=")
                }
            default: break
            }
        }
    }

    /// Reads the arguments of a running couriertcpd.
    package init(arguments: [String]) {
        for argument in arguments {
            if let value = argument.value(of: "-maxprocs=") { maxDaemons = Int(value) }
            if let value = argument.value(of: "-maxperc=") { maxPerNetwork = Int(value) }
            if let value = argument.value(of: "-maxperip=") { maxPerAddress = Int(value) }
            if argument.hasPrefix("-block=") { blocks.append(argument) }
        }
    }

    /// What `running` says counts; the file fills in what a command line does not carry.
    package init(file: CourierSettings, running: CourierSettings) {
        self = file
        maxDaemons = running.maxDaemons ?? file.maxDaemons
        maxPerNetwork = running.maxPerNetwork ?? file.maxPerNetwork
        maxPerAddress = running.maxPerAddress ?? file.maxPerAddress
        if !running.blocks.isEmpty { blocks = running.blocks }
    }

    private static func unquoted(_ text: some StringProtocol) -> String {
        var result = ""
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil } else { result.append(character) }
            } else if character == "\"" || character == "'" {
                // Inside double quotes the shell keeps single quotes; what esmtpd evaluates again drops them.
                quote = character
            } else if character == "#" && (result.isEmpty || result.last == " ") {
                break
            } else {
                result.append(character)
            }
        }
        while result.last == " " || result.last == "\t" || result.last == "\r" { result.removeLast() }
        return result
    }

    /// DNSBL options that couriertcpd accepts but that never list anybody.
    ///
    /// `-block=zone` and `-block=zone,VAR` ask for any record and set nothing where the resolver answers such a
    /// question sparingly (RFC 8482), as does a VAR with an address behind a slash; `,VAR,*` (TXT) and `,VAR,text` work.
    package var blocksThatCannotWork: [String] {
        blocks.filter { block in
            let fields = block.dropFirst("-block=".count).split(separator: ",", omittingEmptySubsequences: false)
            return fields.count < 3 || fields[1].contains("/")
        }
    }
}

extension String {
    fileprivate func value(of prefix: String) -> Substring? { hasPrefix(prefix) ? dropFirst(prefix.count) : nil }
}
