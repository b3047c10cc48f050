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
                if value.isText("auto") { return .auto }
                let single = SettingNode(value: value, line: 0)
                let list: SettingValue = if case .list = value { value } else { .list([single]) }
                var found: Set<LogPlace> = []
                var wrong: [Fault] = []
                let places = readList(list, 1...16, "", &wrong) { item, fault -> LogPlace? in
                    guard case .text(let text) = item else {
                        fault = "expected a path or another place in quotes"
                        return nil
                    }
                    switch LogPlace.read(text) {
                    case .success(let place):
                        if !found.insert(place).inserted { fault = "named twice" }
                        return place
                    case .failure(let reason):
                        fault = reason.text
                        return nil
                    }
                }
                if case .list = value { faults += wrong } else { faults += wrong.map { Fault($0.text) } }
                return places.map(Value.places)
            },
            written: { log in
                guard case .places(let places) = log else { return "\"auto\"" }
                let quoted = places.map { SettingValue.quoted($0.description) }
                return quoted.count == 1 ? quoted[0] : "[" + quoted.joined(separator: ", ") + "]"
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
