/// The forms of the keys under `[mta]`. What is planned and not built is refused by its name, not as an unknown word.

extension SettingForm where Value == Settings.MTA.Kind {
    static var mtaKind: Self {
        Self(
            read: { value, faults in
                guard case .text(let text) = value, let kind = Settings.MTA.Kind(rawValue: text) else {
                    faults.append(wrongWord(value, Settings.MTA.Kind.allCases.map(\.rawValue)))
                    return nil
                }
                return kind
            },
            written: { SettingValue.quoted($0.rawValue) })
    }
}

extension SettingForm where Value == Settings.MTA.Log {
    static var log: Self {
        Self(
            read: { value, faults in
                if case .list = value {
                    return readList(value, 1...16, "a list of paths", &faults) { item, fault in
                        guard case .text(let text) = item else {
                            fault = "expected an absolute path in quotes"
                            return nil
                        }
                        if let wrong = wrongLog(text) { fault = wrong.text }
                        return text
                    }.map(Value.files)
                }
                guard case .text(let text) = value else {
                    faults.append(Fault("expected \"auto\", an absolute path or a list of paths"))
                    return nil
                }
                if text == "auto" { return .auto }
                if let fault = wrongLog(text) {
                    faults.append(fault)
                    return nil
                }
                return .files([text])
            },
            written: { log in
                guard case .files(let paths) = log else { return "\"auto\"" }
                if paths.count == 1 { return paths.map(SettingValue.quoted).joined() }
                return "[" + paths.map(SettingValue.quoted).joined(separator: ", ") + "]"
            })
    }
}

extension SettingForm where Value == [UInt16] {
    static var ports: Self {
        Self(
            read: { value, faults in
                readList(value, 1...64, "a list of ports such as [25]", &faults) { item, fault in
                    guard case .integer(let number) = item, number > 0, let port = UInt16(exactly: number) else {
                        fault = "a port is an integer, 1 to 65535"
                        return nil
                    }
                    return port
                }
            },
            written: { "[" + $0.map { "\($0)" }.joined(separator: ", ") + "]" })
    }
}

extension SettingForm where Value == Settings.MTA.Slots {
    static var slots: Self {
        Self(
            read: { value, faults in
                switch value {
                case .text("auto"): return .auto
                case .integer(let count) where (1...100_000).contains(count): return .count(count)
                default:
                    faults.append(Fault("expected \"auto\" or an integer, 1 to 100000"))
                    return nil
                }
            },
            written: { slots in
                guard case .count(let count) = slots else { return "\"auto\"" }
                return "\(count)"
            })
    }
}

private func wrongLog(_ text: String) -> Fault? {
    let rest = "; expected \"auto\", an absolute path or a list of paths"
    if text == "journal" { return Fault("reading the journal is not supported by this version" + rest) }
    if text.hasPrefix("syslog:") { return Fault("receiving syslog is not supported by this version" + rest) }
    return wrongPath(text)
}
