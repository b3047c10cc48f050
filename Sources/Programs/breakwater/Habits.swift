import Configuration
import ControlProtocol

/// What hands type from habit, turned into our verbs: options before the verb, no verb, `add`, fail2ban's words, typos.
enum Habits {
    static let verbs = [
        "status", "doctor", "ban", "unban", "list", "why", "allow", "parse", "replay", "report", "top", "sample",
        "events",
        "enforce", "export", "import", "flag", "check", "ping", "reload", "help",
    ]

    /// The arguments as the parser wants them.
    static func translate(_ arguments: [String]) throws -> [String] {
        var rest = arguments[...]
        var options: [String] = []
        while let first = rest.first,
            ["--config", "--socket", "--color"].contains(where: { first == $0 || first.hasPrefix($0 + "=") })
        {
            options.append(first)
            rest = rest.dropFirst()
            if !first.contains("="), let value = rest.first {
                options.append(value)
                rest = rest.dropFirst()
            }
        }
        guard let verb = rest.first else { return ["status"] + options }
        if ["-h", "--help", "--version", "--help-hidden"].contains(verb)
            || verb.hasPrefix("--generate-completion-script")
            || verb == "--experimental-dump-help"
        {
            return Array(rest)
        }
        if verb.hasPrefix("-") { return ["status"] + options + rest }
        let tail = Array(rest.dropFirst())
        switch verb {
        case "add": return ["ban"] + options + tail
        case "remove": return ["unban"] + options + tail
        case "banned": return ["list"] + options + tail
        case "banip": return ["ban"] + options + tail
        case "unbanip": return ["unban"] + options + tail
        case "ignoreip": return ["allow", "--list"] + options + tail
        case "set" where tail.count >= 2 && (tail[1] == "banip" || tail[1] == "unbanip"):
            Terminal.warn("there are no jails here; \"\(shown(tail[0]))\" is ignored")
            return [tail[1] == "banip" ? "ban" : "unban"] + options + tail.dropFirst(2)
        default:
            guard verbs.contains(verb) else {
                let hint = nearest(verb, among: verbs + ["add", "remove"]).map { "; did you mean \"\($0)\"?" } ?? "."
                throw Failure(
                    ExitStatus.usage, "unknown verb \"\(shown(verb))\"\(hint) See breakwater --help")
            }
            return [verb] + options + tail
        }
    }
}
