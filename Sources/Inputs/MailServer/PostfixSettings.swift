/// main.cf and master.cf (postconf(5), master(5)), as far as slots and logs depend on them.
package struct PostfixSettings: Equatable, Sendable {
    /// A line of master.cf that listens on the network.
    package struct Service: Equatable, Sendable {
        /// `smtp`, `25`, `127.0.0.1:smtp`: as written.
        package var name: String
        package var port: UInt16?
        /// `-` and nothing are the default; 0 is no limit.
        package var processLimit: Int?
        package var command: String
        /// `-o name=value`.
        package var options: [String: String]
    }

    package private(set) var services: [Service] = []
    private var parameters: [String: String] = [:]

    package init(main: String, master: String) {
        for line in PostfixSettings.logicalLines(main) {
            guard let equals = line.firstIndex(of: "=") else { continue }
            parameters[String(line[..<equals]).withoutBlanks] = String(line[line.index(after: equals)...]).withoutBlanks
        }
        for line in PostfixSettings.logicalLines(master) {
            if let service = Service(line) { services.append(service) }
        }
    }

    /// What a parameter is for a service, with what it refers to put in; its built-in default where nobody says.
    package func value(_ name: String, of service: Service? = nil) -> String {
        var left = PostfixSettings.mostReferences
        return expanded(
            service?.options[name] ?? parameters[name] ?? PostfixSettings.defaults[name] ?? "", service, depth: 0, &left
        )
    }

    func number(_ name: String, of service: Service? = nil) -> Int? { Int(value(name, of: service)) }
    func span(_ name: String, of service: Service? = nil) -> Duration? { serverSpan(value(name, of: service)) }

    /// Those of our ports.
    package func services(on ports: [UInt16]) -> [Service] {
        services.filter { service in service.port.map { ports.contains($0) } ?? false }
    }

    /// A line that begins with a blank goes on with the one before; comments and empty lines stand anywhere.
    private static func logicalLines(_ text: String) -> [String] {
        var lines: [String] = []
        for line in text.lines {
            guard let first = line.first(where: { $0 != " " && $0 != "\t" }), first != "#" else { continue }
            if line.first == " " || line.first == "\t", !lines.isEmpty {
                lines[lines.count - 1] += " " + String(line).withoutBlanks
            } else {
                lines.append(String(line))
            }
        }
        return lines
    }

    /// `$name`, `${name}`, `$(name)`, and `${name?{when it is set}:{when it is not}}`, which is how limits under stress are
    /// written; nothing is under stress here.
    ///
    /// Parameters that refer to each other double with each step; `left` is how many references are followed yet.
    private func expanded(_ text: String, _ service: Service?, depth: Int, _ left: inout Int) -> String {
        guard depth < 8, text.utf8.count <= PostfixSettings.longestValue, text.contains("$") else { return text }
        var result = ""
        var rest = text[...]
        while left > 0, let dollar = rest.firstIndex(of: "$"), result.utf8.count < PostfixSettings.longestValue {
            left -= 1
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            guard let first = rest.first else { break }
            let inner: Substring
            if first == "{" || first == "(" {
                inner = PostfixSettings.bracketed(&rest, first, first == "{" ? "}" : ")")
            } else {
                inner = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                rest = rest.dropFirst(inner.count)
            }
            let name = inner.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            let known =
                service?.options[String(name)] ?? parameters[String(name)] ?? PostfixSettings.defaults[String(name)]
                ?? ""
            result += expanded(
                PostfixSettings.chosen(known, inner.dropFirst(name.count)), service, depth: depth + 1, &left)
        }
        return result + rest
    }

    /// The text between a bracket, which is the first character, and its counterpart.
    private static func bracketed(_ rest: inout Substring, _ open: Character, _ close: Character) -> Substring {
        var depth = 0
        var index = rest.startIndex
        while index < rest.endIndex {
            if rest[index] == open { depth += 1 }
            if rest[index] == close { depth -= 1 }
            if depth == 0 { break }
            index = rest.index(after: index)
        }
        let inner = rest[rest.index(after: rest.startIndex)..<index]
        rest = index < rest.endIndex ? rest[rest.index(after: index)...] : ""
        return inner
    }

    /// What `?{a}:{b}`, `?a` or `:b` behind a name make of its value.
    private static func chosen(_ value: String, _ choice: Substring) -> String {
        guard let sign = choice.first, sign == "?" || sign == ":" else { return value }
        var rest = choice.dropFirst()
        guard rest.first == "{" else { return value.isEmpty == (sign == ":") ? String(rest) : "" }
        let first = bracketed(&rest, "{", "}")
        let isSet = !value.isEmpty
        if isSet == (sign == "?") { return String(first) }
        guard rest.hasPrefix(":{") else { return "" }
        rest = rest.dropFirst()
        return String(bracketed(&rest, "{", "}"))
    }

    private static let mostReferences = 1000
    /// What is longer is taken as it stands.
    private static let longestValue = 4096

    /// Built in, Postfix 3.7.
    private static let defaults = [
        "default_process_limit": "100", "smtpd_timeout": "${stress?{10}:{300}}s", "maillog_file": "",
        "postscreen_pre_queue_limit": "$default_process_limit",
        "postscreen_command_time_limit": "${stress?{10}:{300}}s", "smtpd_client_connection_count_limit": "50",
        "smtpd_soft_error_limit": "10", "smtpd_error_sleep_time": "1s",
    ]
}

extension PostfixSettings.Service {
    /// service type private unpriv chroot wakeup maxproc command, and its arguments.
    init?(_ line: String) {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        guard words.count >= 8, words[1] == "inet" || words[1] == "pass" else { return nil }
        name = words[0]
        port = words[1] == "inet" ? PostfixSettings.Service.port(words[0]) : nil
        processLimit = Int(words[6])
        command = words[7]
        options = [:]
        var isOption = false
        for word in words.dropFirst(8) {
            if isOption, let equals = word.firstIndex(of: "=") {
                options[String(word[..<equals])] = String(word[word.index(after: equals)...])
            }
            isOption = word == "-o"
        }
    }

    private static func port(_ name: String) -> UInt16? {
        let service = name.split(separator: ":").last.map(String.init) ?? name
        return UInt16(service)
            ?? ["smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "ssmtp": 465][service]
    }
}
