import CNetfilter

/// Writes table, sets, counters, chains and rules into a batch.
struct Ruleset {
    var plan: FirewallPlan
    var table = tableName

    // MARK: - Table, counters, sets

    /// Makes the table, or wakes it when somebody made it dormant.
    func addTable(to batch: Batch) {
        batch.add(NFT_MSG_NEWTABLE, "add table", table, flags: NLM_F_CREATE) { header in
            let object = allocated(nftnl_table_alloc())
            defer { nftnl_table_free(object) }
            nftnl_table_set_str(object, UInt16(NFTNL_TABLE_NAME.rawValue), table)
            nftnl_table_set_u32(object, UInt16(NFTNL_TABLE_FLAGS.rawValue), 0)
            nftnl_table_nlmsg_build_payload(header, object)
            return []
        }
    }

    func deleteTable(in batch: Batch) {
        batch.add(NFT_MSG_DELTABLE, "delete table", table) { header in
            let object = allocated(nftnl_table_alloc())
            defer { nftnl_table_free(object) }
            nftnl_table_set_str(object, UInt16(NFTNL_TABLE_NAME.rawValue), table)
            nftnl_table_nlmsg_build_payload(header, object)
            return []
        }
    }

    func addCounter(_ name: CounterName, to batch: Batch) {
        batch.add(NFT_MSG_NEWOBJ, "add counter", name.rawValue, flags: NLM_F_CREATE) { header in
            let object = allocated(nftnl_obj_alloc())
            defer { nftnl_obj_free(object) }
            nftnl_obj_set_str(object, UInt16(NFTNL_OBJ_TABLE), table)
            nftnl_obj_set_str(object, UInt16(NFTNL_OBJ_NAME), name.rawValue)
            nftnl_obj_set_u32(object, UInt16(NFTNL_OBJ_TYPE), UInt32(NFT_OBJECT_COUNTER))
            nftnl_obj_set_u64(object, UInt16(NFTNL_OBJ_CTR_PKTS), 0)
            nftnl_obj_set_u64(object, UInt16(NFTNL_OBJ_CTR_BYTES), 0)
            nftnl_obj_nlmsg_build_payload(header, object)
            return []
        }
    }

    func addSet(_ name: SetName, to batch: Batch) {
        let shape = name.shape(plan)
        batch.add(NFT_MSG_NEWSET, "add set", name.rawValue, flags: NLM_F_CREATE) { header in
            let set = namedSet(name.rawValue, id: 1 + UInt32(SetName.allCases.firstIndex(of: name) ?? 0))
            defer { nftnl_set_free(set) }
            nftnl_set_set_u32(set, UInt16(NFTNL_SET_FLAGS.rawValue), shape.flags)
            nftnl_set_set_u32(
                set, UInt16(NFTNL_SET_KEY_TYPE.rawValue), name.isIPv4 ? KeyType.ipv4Address : KeyType.ipv6Address)
            nftnl_set_set_u32(set, UInt16(NFTNL_SET_KEY_LEN.rawValue), UInt32(shape.keyBytes))
            if shape.size > 0 {
                nftnl_set_set_u32(set, UInt16(NFTNL_SET_DESC_SIZE.rawValue), UInt32(clamping: shape.size))
            }
            if shape.hasTimeout {
                // An expired element matches no more; this only says how soon its memory and its place are free
                // again. The default of 1 s walks half a million hash buckets each time.
                nftnl_set_set_u32(set, UInt16(NFTNL_SET_GC_INTERVAL.rawValue), gcIntervalMilliseconds)
            }
            if shape.isCounted {
                nftnl_set_add_expr(set, allocated(nftnl_expr_alloc("counter")))
            }
            nftnl_set_nlmsg_build_payload(header, set)
            return []
        }
    }

    func deleteSet(_ name: SetName, in batch: Batch) {
        batch.add(NFT_MSG_DELSET, "delete set", name.rawValue) { header in
            let set = namedSet(name.rawValue, id: nil)
            defer { nftnl_set_free(set) }
            nftnl_set_nlmsg_build_payload(header, set)
            return []
        }
    }

    private func namedSet(_ name: String, id: UInt32?) -> OpaquePointer {
        let set = allocated(nftnl_set_alloc())
        nftnl_set_set_str(set, UInt16(NFTNL_SET_TABLE.rawValue), table)
        nftnl_set_set_str(set, UInt16(NFTNL_SET_NAME.rawValue), name)
        if let id { nftnl_set_set_u32(set, UInt16(NFTNL_SET_ID.rawValue), id) }
        return set
    }

    // MARK: - Chains

    func addChain(_ name: ChainName, to batch: Batch) {
        batch.add(NFT_MSG_NEWCHAIN, "add chain", name.rawValue, flags: NLM_F_CREATE) { header in
            let chain = namedChain(name)
            defer { nftnl_chain_free(chain) }
            if name == .arrivals {
                nftnl_chain_set_u32(chain, UInt16(NFTNL_CHAIN_HOOKNUM.rawValue), Hook.number)
                nftnl_chain_set_s32(chain, UInt16(NFTNL_CHAIN_PRIO.rawValue), Hook.priority)
                nftnl_chain_set_u32(chain, UInt16(NFTNL_CHAIN_POLICY.rawValue), UInt32(NF_ACCEPT))
                nftnl_chain_set_str(chain, UInt16(NFTNL_CHAIN_TYPE.rawValue), "filter")
            }
            nftnl_chain_nlmsg_build_payload(header, chain)
            return []
        }
    }

    func deleteChain(_ name: ChainName, in batch: Batch) {
        batch.add(NFT_MSG_DELCHAIN, "delete chain", name.rawValue) { header in
            let chain = namedChain(name)
            defer { nftnl_chain_free(chain) }
            nftnl_chain_nlmsg_build_payload(header, chain)
            return []
        }
    }

    private func namedChain(_ name: ChainName) -> OpaquePointer {
        let chain = allocated(nftnl_chain_alloc())
        nftnl_chain_set_str(chain, UInt16(NFTNL_CHAIN_TABLE.rawValue), table)
        nftnl_chain_set_str(chain, UInt16(NFTNL_CHAIN_NAME.rawValue), name.rawValue)
        return chain
    }

    // MARK: - Rules

    /// Without a rule's handle, the kernel deletes all rules of the chain.
    func deleteRules(of name: ChainName, in batch: Batch) {
        batch.add(NFT_MSG_DELRULE, "delete rules", name.rawValue) { header in
            let rule = allocated(nftnl_rule_alloc())
            defer { nftnl_rule_free(rule) }
            nftnl_rule_set_str(rule, UInt16(NFTNL_RULE_TABLE.rawValue), table)
            nftnl_rule_set_str(rule, UInt16(NFTNL_RULE_CHAIN.rawValue), name.rawValue)
            nftnl_rule_nlmsg_build_payload(header, rule)
            return []
        }
    }

    func addRules(to batch: Batch) {
        for rule in newcomers { add(rule, to: batch) }
        guard !plan.ports.isEmpty else { return }
        addPorts(to: batch)
        add(arrivals, to: batch)
    }

    func add(_ rule: Rule, to batch: Batch) {
        batch.add(NFT_MSG_NEWRULE, "add rule", table, flags: NLM_F_CREATE | NLM_F_APPEND) { header in
            rule.write(to: header)
            return []
        }
    }

    /// Ports stand in an anonymous set: it lives and dies with its rule, and nobody can add a port to it.
    private func addPorts(to batch: Batch) {
        let name = "__set%d"
        batch.add(NFT_MSG_NEWSET, "add set", "of ports", flags: NLM_F_CREATE) { header in
            let set = namedSet(name, id: portsID)
            defer { nftnl_set_free(set) }
            nftnl_set_set_u32(
                set, UInt16(NFTNL_SET_FLAGS.rawValue), NFT_SET_ANONYMOUS.rawValue | NFT_SET_CONSTANT.rawValue)
            nftnl_set_set_u32(set, UInt16(NFTNL_SET_KEY_TYPE.rawValue), KeyType.service)
            nftnl_set_set_u32(set, UInt16(NFTNL_SET_KEY_LEN.rawValue), 2)
            nftnl_set_nlmsg_build_payload(header, set)
            return []
        }
        batch.add(NFT_MSG_NEWSETELEM, "add ports", "", flags: NLM_F_CREATE) { header in
            let set = namedSet(name, id: portsID)
            defer { nftnl_set_free(set) }
            for port in Set(plan.ports) {
                let element = allocated(nftnl_set_elem_alloc())
                let bytes = [UInt8(port >> 8), UInt8(port & 255)]
                nftnl_set_elem_set(element, UInt16(NFTNL_SET_ELEM_KEY), bytes, 2)
                nftnl_set_elem_add(set, element)
            }
            nftnl_set_elems_nlmsg_build_payload(header, set)
            return []
        }
    }

    /// Only a packet that would open a connection to one of the ports is looked at: a ban that swallowed the FIN or
    /// ACK of an established connection would keep its slot taken until the server's own timeout.
    private var arrivals: Rule {
        Rule(chain: .arrivals, table: table, comment: "what would open a connection to a protected port")
            .meta(NFT_META_L4PROTO, is: UInt8(IPPROTO_TCP))
            .load(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, count: 2).isIn("__set%d", id: portsID)
            .load(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 13, count: 1).masked([TCP.fin | TCP.syn | TCP.rst | TCP.ack])
            .isEqual([TCP.syn])
            .jump(to: .newcomers)
    }

    private var newcomers: [Rule] {
        var rules: [Rule] = []
        func rule(_ comment: String) -> Rule { Rule(chain: .newcomers, table: table, comment: comment) }
        for set in [SetName.allowed4, .allowed6] {
            let isMark = set == .allowed6 && !plan.owner.isEmpty
            rules.append(
                rule(isMark ? TableOwner.mark + plan.owner : "allowed: past everything").source(isIn: set).accept())
        }
        for set in [SetName.banned4, .bannedNets4, .banned6, .bannedNets6] {
            rules.append(rule("banned").source(isIn: set).counted(by: .droppedBanned).drop())
        }
        for set in [SetName.known4, .known6] {
            rules.append(rule("known sender: past the limits").source(isIn: set).accept())
        }
        if plan.perSource > 0 {
            for (set, isIPv4) in [(SetName.open4, true), (.open6, false)] {
                var counted = rule("limit.per_source").source(isIPv4: isIPv4)
                // One IPv6 customer commonly has a /64 to choose addresses from.
                if !isIPv4 {
                    counted = counted.masked([UInt8](repeating: 255, count: 8) + [UInt8](repeating: 0, count: 8))
                }
                rules.append(
                    counted.hasMoreConnections(than: plan.perSource, countedIn: set.rawValue)
                        .counted(by: .droppedPerSource).drop())
            }
        }
        if plan.newPerSecond > 0 {
            rules.append(
                rule("limit.new_per_second").exceeds(perSecond: plan.newPerSecond, burst: plan.burst)
                    .counted(by: .droppedNewPerSecond).drop())
        }
        return rules
    }
}

/// Names the anonymous set of ports within its transaction; the named sets count from 1.
private let portsID: UInt32 = 100

private let gcIntervalMilliseconds: UInt32 = 10_000

/// Where `arrivals` hangs. Behind conntrack (-200), which counts connections for the per-source limit; before dstnat
/// (-100), so that a port that is forwarded to a container still bears its own number.
enum Hook {
    /// NF_INET_PRE_ROUTING, linux/netfilter.h.
    static let number: UInt32 = 0
    /// NF_IP_PRI_MANGLE, linux/netfilter_ipv4.h.
    static let priority: Int32 = -150
}

/// Data types as nft numbers them (include/datatype.h of nftables); the kernel keeps them for it.
private enum KeyType {
    static let ipv4Address: UInt32 = 7
    static let ipv6Address: UInt32 = 8
    static let service: UInt32 = 13
}

/// RFC 9293, 3.1: bits of byte 13 of the header.
private enum TCP {
    static let fin: UInt8 = 1
    static let syn: UInt8 = 2
    static let rst: UInt8 = 4
    static let ack: UInt8 = 16
}
