import Events

/// One key of the configuration: its name, how a value is read into `Settings`, and how it is written.
///
/// This table is the only place that knows the keys: reading, `--set`, the text of the settings in force, the nearest
/// right word and the tests on the manual page all walk it.
struct SettingKey: Sendable {
    /// With its table in front: `ban.first`.
    let name: String
    /// The same in its parts.
    let path: [String]
    /// Reads a value into the settings; on faults it leaves them as they were.
    let read: @Sendable (SettingValue, inout Settings, inout [Fault]) -> Void
    /// The value in force, as TOML.
    let written: @Sendable (Settings) -> String

    private init<Value>(
        _ name: String, _ property: any WritableKeyPath<Settings, Value> & Sendable, _ form: SettingForm<Value>
    ) {
        self.name = name
        self.path = name.split(separator: ".").map(String.init)
        read = { value, settings, faults in
            let before = faults.count
            guard let result = form.read(value, &faults), faults.count == before else { return }
            settings[keyPath: property] = result
        }
        written = { form.written($0[keyPath: property]) }
    }

    /// The names of the tables: `mta`, `ban` ...
    static let tables: [String] = all.reduce(into: []) { names, key in
        if key.path.count > 1, names.last != key.path[0] { names.append(key.path[0]) }
    }

    static func named(_ name: String) -> SettingKey? { all.first { $0.name == name } }

    /// Every key, in the order of the manual page. The ranges are ours; where one has a foreign cause it is named.
    static let all: [SettingKey] = [
        SettingKey("mode", \.mode, .word()),
        SettingKey("state_directory", \.stateDirectory, .path()),
        // 107 bytes: sun_path of unix(7) less its final zero.
        SettingKey("control_socket", \.controlSocket, .path(longest: 107)),
        SettingKey("control_group", \.controlGroup, .groupName),
        SettingKey("mta.kind", \.mta.kind, .mtaKind),
        SettingKey("mta.log", \.mta.log, .log),
        SettingKey("mta.senders", \.mta.senders, .nets),
        SettingKey("mta.rbl_texts", \.mta.rblTexts, .phrases),
        SettingKey("mta.unexplained", \.mta.unexplained, .word()),
        SettingKey("mta.patterns", \.mta.patterns, .patterns),
        SettingKey("mta.ports", \.mta.ports, .ports),
        SettingKey("mta.slots", \.mta.slots, .slots),
        SettingKey("ban.classes", \.ban.classes, .weights),
        SettingKey("ban.score", \.ban.score, .number(above: 0, upTo: 1_000_000)),
        SettingKey("ban.window", \.ban.window, .span(.seconds(1), .days(30))),
        SettingKey("ban.first", \.ban.first, .span(.seconds(1), .forever)),
        SettingKey("ban.max", \.ban.max, .span(.seconds(1), .forever)),
        SettingKey("ban.refresh", \.ban.refresh, .flag),
        SettingKey("ban.ipv6_prefix", \.ban.ipv6Prefix, .integer(32...128)),
        SettingKey("ban.networks", \.ban.networks, .flag),
        SettingKey("ban.widest_ipv4", \.ban.widestIPv4, .integer(16...24)),
        SettingKey("ban.widest_ipv6", \.ban.widestIPv6, .integer(40...48)),
        SettingKey("ban.max_sources", \.ban.maxSources, .integer(1_000...5_000_000)),
        SettingKey("ban.suspend_zone_at", \.ban.suspendZoneAt, .share),
        SettingKey("ban.known_for", \.ban.knownFor, .span(.minutes(1), .forever)),
        SettingKey("shed.method", \.shed.method, .word()),
        SettingKey("shed.told", \.shed.told, .flag),
        SettingKey("shed.told_timeout", \.shed.toldTimeout, .span(.milliseconds(10), .minutes(1))),
        SettingKey("shed.early", \.shed.early, .word()),
        SettingKey("limit.new_per_second", \.limit.newPerSecond, .integer(0...1_000_000)),
        SettingKey("limit.burst", \.limit.burst, .integer(1...1_000_000)),
        SettingKey("limit.per_source", \.limit.perSource, .integer(0...1_000_000)),
        SettingKey("firewall.backend", \.firewall.backend, .word()),
        SettingKey("firewall.install_rules", \.firewall.installRules, .flag),
        SettingKey("allow.nets", \.allow.nets, .nets),
        SettingKey("sample.every", \.sample.every, .span(.seconds(1), .hours(1))),
        SettingKey("origins.databases", \.origins.databases, .paths),
    ]
}
