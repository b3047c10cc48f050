import Dialects

/// Every target by its name. A new reader is a line here, and seeds for it in scripts/fuzz.
enum Targets {
    nonisolated(unsafe) static var chosen: (any Target)?

    static var all: [(name: String, make: () -> any Target)] {
        [
            (
                "courier",
                {
                    DialectTarget(
                        dialect: Courier(rblTexts: ["Listed by"]), oracle: CourierOracle(),
                        grammar: CourierOracle.grammar)
                }
            ),
            ("header", { HeaderTarget() }),
            ("address", { AddressTarget() }),
            ("splitter", { SplitterTarget() }),
            ("position", { PositionTarget() }),
            ("settings", { SettingsTarget() }),
            ("control", { ControlTarget() }),
            ("sockdiag", { SockDiagTarget() }),
            ("netfilter", { NetfilterTarget() }),
            ("proc", { ProcTarget() }),
        ]
    }
}
