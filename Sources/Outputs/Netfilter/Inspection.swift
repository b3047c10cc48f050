import CLinux
import CNetfilter

/// What of our table is not as it should be.
struct Findings {
    var isTableMissing = false
    var isTableDormant = false
    var missingSets: Set<SetName> = []
    /// Of another shape: from another version, or made by somebody else.
    var misshapenSets: Set<SetName> = []
    var missingChains: Set<ChainName> = []
    /// Not at the hook where it should be, or with another policy.
    var misplacedChains: Set<ChainName> = []
    var missingCounters: Set<CounterName> = []
    /// Every rule's expressions as the kernel tells them.
    var rules: [ChainName: [[UInt8]]] = [:]

    var isWhole: Bool {
        !isTableMissing && !isTableDormant && missingSets.isEmpty && misshapenSets.isEmpty && missingChains.isEmpty
            && misplacedChains.isEmpty && missingCounters.isEmpty
    }
}

extension Query {
    /// Looks at table, sets, chains, rules and counters, in a handful of questions.
    func inspect(_ plan: FirewallPlan) throws(FirewallError) -> Findings {
        var findings = Findings()
        findings.isTableMissing = true
        try whenThere {
            () throws(FirewallError) in
            try self.ask(
                NFT_MSG_GETTABLE, "table \(tableName)", flags: NLM_F_ACK,
                { mnl_attr_put_strz($0, UInt16(NFTA_TABLE_NAME.rawValue), tableName) },
                { message in
                    findings.isTableMissing = false
                    let flags = Attributes(of: message, after: familyHeaderBytes).first(NFTA_TABLE_FLAGS.rawValue)?.u32
                    findings.isTableDormant = (flags ?? 0) & NFT_TABLE_F_DORMANT.rawValue != 0
                })
        }
        if findings.isTableMissing {
            findings.missingSets = Set(SetName.allCases)
            findings.missingChains = Set(ChainName.allCases)
            findings.missingCounters = Set(CounterName.allCases)
            return findings
        }
        try inspectSets(plan, &findings)
        try inspectChains(&findings)
        try inspectCounters(&findings)
        for chain in ChainName.allCases where !findings.missingChains.contains(chain) {
            findings.rules[chain] = try rules(of: chain)
        }
        return findings
    }

    private func inspectSets(_ plan: FirewallPlan, _ findings: inout Findings) throws(FirewallError) {
        var shapes: [SetName: SetShape] = [:]
        try ask(
            NFT_MSG_GETSET, "sets", flags: NLM_F_DUMP,
            { mnl_attr_put_strz($0, UInt16(NFTA_SET_TABLE.rawValue), tableName) },
            { message in
                guard let (name, shape) = SetShape.read(message) else { return }
                shapes[name] = shape
            })
        for name in SetName.allCases {
            guard let shape = shapes[name] else {
                findings.missingSets.insert(name)
                continue
            }
            if shape != name.shape(plan) { findings.misshapenSets.insert(name) }
        }
    }

    private func inspectChains(_ findings: inout Findings) throws(FirewallError) {
        var found: [ChainName: Bool] = [:]
        try ask(
            NFT_MSG_GETCHAIN, "chains", flags: NLM_F_DUMP, { _ in },
            { message in
                if let (name, isInPlace) = ChainName.read(message) { found[name] = isInPlace }
            })
        for name in ChainName.allCases {
            switch found[name] {
            case nil: findings.missingChains.insert(name)
            case false?: findings.misplacedChains.insert(name)
            case true?: break
            }
        }
    }

    private func inspectCounters(_ findings: inout Findings) throws(FirewallError) {
        findings.missingCounters = Set(CounterName.allCases).subtracting(try counters().keys)
    }

    /// Our named counters.
    func counters() throws(FirewallError) -> [CounterName: Drops.Count] {
        var result: [CounterName: Drops.Count] = [:]
        try ask(
            NFT_MSG_GETOBJ, "counters", flags: NLM_F_DUMP,
            {
                mnl_attr_put_strz($0, UInt16(NFTA_OBJ_TABLE.rawValue), tableName)
                mnl_attr_put_u32($0, UInt16(NFTA_OBJ_TYPE.rawValue), UInt32(NFT_OBJECT_COUNTER).bigEndian)
            },
            { message in
                if let (name, count) = CounterName.read(message) { result[name] = count }
            })
        return result
    }

    /// The expressions of each rule in `chain`, as the kernel tells them. Nothing in them changes with traffic, since
    /// counters stand outside and a rate limit tells its settings only.
    func rules(of chain: ChainName) throws(FirewallError) -> [[UInt8]] {
        var result: [[UInt8]] = []
        try ask(
            NFT_MSG_GETRULE, "rules of \(chain.rawValue)", flags: NLM_F_DUMP,
            {
                mnl_attr_put_strz($0, UInt16(NFTA_RULE_TABLE.rawValue), tableName)
                mnl_attr_put_strz($0, UInt16(NFTA_RULE_CHAIN.rawValue), chain.rawValue)
            },
            { message in
                if let rule = chain.rule(in: message) { result.append(rule) }
            })
        return result
    }

    /// Runs `look`; that the thing looked for does not exist is no error.
    private func whenThere(_ look: () throws(FirewallError) -> Void) throws(FirewallError) {
        do {
            try look()
        } catch {
            guard error.kind == .missing else { throw error }
        }
    }
}

extension ChainName {
    /// The chain that a message describes, when it is one of ours, and whether it stands where it should.
    static func read(_ message: UnsafePointer<nlmsghdr>) -> (name: ChainName, isInPlace: Bool)? {
        let attributes = Attributes(of: message, after: familyHeaderBytes)
        guard attributes.first(NFTA_CHAIN_TABLE.rawValue)?.isString(tableName) ?? false,
            let text = attributes.first(NFTA_CHAIN_NAME.rawValue)?.string, let name = ChainName(rawValue: text)
        else { return nil }
        let hook = attributes.first(NFTA_CHAIN_HOOK.rawValue)
        switch name {
        case .newcomers: return (name, hook == nil)
        case .arrivals:
            guard let hook else { return (name, false) }
            let place = Attributes(in: hook)
            return (
                name,
                place.first(NFTA_HOOK_HOOKNUM.rawValue)?.u32 == Hook.number
                    && place.first(NFTA_HOOK_PRIORITY.rawValue)?.u32 == UInt32(bitPattern: Hook.priority)
                    && attributes.first(NFTA_CHAIN_POLICY.rawValue)?.u32 == UInt32(NF_ACCEPT)
            )
        }
    }

    /// The expressions of the rule that a message describes, when it is one of this chain.
    func rule(in message: UnsafePointer<nlmsghdr>) -> [UInt8]? {
        let attributes = Attributes(of: message, after: familyHeaderBytes)
        guard attributes.first(NFTA_RULE_TABLE.rawValue)?.isString(tableName) ?? false,
            attributes.first(NFTA_RULE_CHAIN.rawValue)?.isString(rawValue) ?? false
        else { return nil }
        return attributes.first(NFTA_RULE_EXPRESSIONS.rawValue).map { Array($0.bytes) } ?? []
    }
}

extension CounterName {
    /// The named counter that a message describes, when it is one of ours, and what it has counted.
    static func read(_ message: UnsafePointer<nlmsghdr>) -> (name: CounterName, count: Drops.Count)? {
        let attributes = Attributes(of: message, after: familyHeaderBytes)
        guard attributes.first(NFTA_OBJ_TABLE.rawValue)?.isString(tableName) ?? false,
            let text = attributes.first(NFTA_OBJ_NAME.rawValue)?.string, let name = CounterName(rawValue: text),
            let data = attributes.first(NFTA_OBJ_DATA.rawValue)
        else { return nil }
        let values = Attributes(in: data)
        return (
            name,
            Drops.Count(
                packets: values.first(NFTA_COUNTER_PACKETS.rawValue)?.u64 ?? 0,
                bytes: values.first(NFTA_COUNTER_BYTES.rawValue)?.u64 ?? 0)
        )
    }
}

extension SetShape {
    /// The set that a message describes, when it is one of ours.
    static func read(_ message: UnsafePointer<nlmsghdr>) -> (SetName, SetShape)? {
        let attributes = Attributes(of: message, after: familyHeaderBytes)
        guard attributes.first(NFTA_SET_TABLE.rawValue)?.isString(tableName) ?? false,
            let text = attributes.first(NFTA_SET_NAME.rawValue)?.string, let name = SetName(rawValue: text)
        else { return nil }
        let size = attributes.first(NFTA_SET_DESC.rawValue)
            .flatMap { Attributes(in: $0).first(NFTA_SET_DESC_SIZE.rawValue)?.u32 }
        let expression = attributes.first(NFTA_SET_EXPR.rawValue)
            .flatMap { Attributes(in: $0).first(NFTA_EXPR_NAME.rawValue) }
        return (
            name,
            SetShape(
                flags: attributes.first(NFTA_SET_FLAGS.rawValue)?.u32 ?? 0,
                keyBytes: Int(attributes.first(NFTA_SET_KEY_LEN.rawValue)?.u32 ?? 0), size: Int(size ?? 0),
                isCounted: expression?.isString("counter") ?? false)
        )
    }
}
