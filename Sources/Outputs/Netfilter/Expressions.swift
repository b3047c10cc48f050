import CNetfilter

/// The few nf_tables expressions that the rules need, each as libnftnl builds it. Register 1 carries what is compared.
final class Rule {
    private let rule: OpaquePointer

    /// - Parameter comment: what `nft list` shows behind the rule.
    init(chain: ChainName, table: String = tableName, comment: String) {
        rule = allocated(nftnl_rule_alloc())
        nftnl_rule_set_str(rule, UInt16(NFTNL_RULE_TABLE.rawValue), table)
        nftnl_rule_set_str(rule, UInt16(NFTNL_RULE_CHAIN.rawValue), chain.rawValue)
        // nft's own form (libnftnl/udata.h): type 0 is a comment, then its length with the NUL.
        var userdata: [UInt8] = [0, UInt8(comment.utf8.count + 1)]
        userdata += comment.utf8
        userdata.append(0)
        nftnl_rule_set_data(rule, UInt16(NFTNL_RULE_USERDATA.rawValue), userdata, UInt32(userdata.count))
    }

    deinit { nftnl_rule_free(rule) }

    func write(to header: UnsafeMutablePointer<nlmsghdr>) { nftnl_rule_nlmsg_build_payload(header, rule) }

    private func add(_ name: String, _ fill: (OpaquePointer) -> Void) -> Rule {
        let expression = allocated(nftnl_expr_alloc(name))
        fill(expression)
        nftnl_rule_add_expr(rule, expression)
        return self
    }

    func meta(_ key: nft_meta_keys, is value: UInt8) -> Rule {
        add("meta") {
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_META_KEY), key.rawValue)
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_META_DREG), NFT_REG_1.rawValue)
        }.isEqual([value])
    }

    func isEqual(_ bytes: [UInt8]) -> Rule {
        add("cmp") {
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_CMP_SREG), NFT_REG_1.rawValue)
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_CMP_OP), NFT_CMP_EQ.rawValue)
            nftnl_expr_set($0, UInt16(NFTNL_EXPR_CMP_DATA), bytes, UInt32(bytes.count))
        }
    }

    func load(_ base: nft_payload_bases, offset: Int, count: Int) -> Rule {
        add("payload") {
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_PAYLOAD_BASE), base.rawValue)
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_PAYLOAD_OFFSET), UInt32(offset))
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_PAYLOAD_LEN), UInt32(count))
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_PAYLOAD_DREG), NFT_REG_1.rawValue)
        }
    }

    func masked(_ mask: [UInt8]) -> Rule {
        let zeros = [UInt8](repeating: 0, count: mask.count)
        return add("bitwise") {
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_BITWISE_SREG), NFT_REG_1.rawValue)
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_BITWISE_DREG), NFT_REG_1.rawValue)
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_BITWISE_LEN), UInt32(mask.count))
            nftnl_expr_set($0, UInt16(NFTNL_EXPR_BITWISE_MASK), mask, UInt32(mask.count))
            nftnl_expr_set($0, UInt16(NFTNL_EXPR_BITWISE_XOR), zeros, UInt32(zeros.count))
        }
    }

    /// The rule goes on only when register 1 is in `set`. An anonymous set of the same transaction is named by `id`.
    func isIn(_ set: String, id: UInt32? = nil) -> Rule {
        add("lookup") {
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_LOOKUP_SREG), NFT_REG_1.rawValue)
            nftnl_expr_set_str($0, UInt16(NFTNL_EXPR_LOOKUP_SET), set)
            if let id { nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_LOOKUP_SET_ID), id) }
        }
    }

    /// Counts the open connections of the source in register 1; the rule goes on only above `limit`.
    func hasMoreConnections(than limit: Int, countedIn set: String) -> Rule {
        add("dynset") {
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_DYNSET_SREG_KEY), NFT_REG_1.rawValue)
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_DYNSET_OP), NFT_DYNSET_OP_ADD.rawValue)
            nftnl_expr_set_str($0, UInt16(NFTNL_EXPR_DYNSET_SET_NAME), set)
            let connections = allocated(nftnl_expr_alloc("connlimit"))
            nftnl_expr_set_u32(connections, UInt16(NFTNL_EXPR_CONNLIMIT_COUNT), UInt32(clamping: limit))
            nftnl_expr_set_u32(connections, UInt16(NFTNL_EXPR_CONNLIMIT_FLAGS), NFT_CONNLIMIT_F_INV.rawValue)
            nftnl_expr_add_expr($0, UInt32(NFTNL_EXPR_DYNSET_EXPR), connections)
        }
    }

    /// The rule goes on only for packets beyond the rate.
    func exceeds(perSecond: Int, burst: Int) -> Rule {
        add("limit") {
            nftnl_expr_set_u64($0, UInt16(NFTNL_EXPR_LIMIT_RATE), UInt64(clamping: perSecond))
            nftnl_expr_set_u64($0, UInt16(NFTNL_EXPR_LIMIT_UNIT), 1)
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_LIMIT_BURST), UInt32(clamping: max(burst, 1)))
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_LIMIT_TYPE), NFT_LIMIT_PKTS.rawValue)
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_LIMIT_FLAGS), NFT_LIMIT_F_INV.rawValue)
        }
    }

    func counted(by counter: CounterName) -> Rule {
        add("objref") {
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_OBJREF_IMM_TYPE), UInt32(NFT_OBJECT_COUNTER))
            nftnl_expr_set_str($0, UInt16(NFTNL_EXPR_OBJREF_IMM_NAME), counter.rawValue)
        }
    }

    func accept() -> Rule { verdict(NF_ACCEPT) }
    func drop() -> Rule { verdict(NF_DROP) }
    func jump(to chain: ChainName) -> Rule { verdict(NFT_JUMP.rawValue, chain: chain.rawValue) }

    private func verdict(_ code: Int32, chain: String? = nil) -> Rule {
        add("immediate") {
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_IMM_DREG), NFT_REG_VERDICT.rawValue)
            nftnl_expr_set_u32($0, UInt16(NFTNL_EXPR_IMM_VERDICT), UInt32(bitPattern: code))
            if let chain { nftnl_expr_set_str($0, UInt16(NFTNL_EXPR_IMM_CHAIN), chain) }
        }
    }
}

extension Rule {
    /// Loads the packet's source address when it is of the family; other packets leave the rule here.
    func source(isIPv4: Bool) -> Rule {
        // RFC 791, 3.1: source address at byte 12. RFC 8200, 3: at byte 8.
        meta(NFT_META_NFPROTO, is: UInt8(isIPv4 ? NFPROTO_IPV4 : NFPROTO_IPV6))
            .load(NFT_PAYLOAD_NETWORK_HEADER, offset: isIPv4 ? 12 : 8, count: isIPv4 ? 4 : 16)
    }

    func source(isIn set: SetName) -> Rule { source(isIPv4: set.isIPv4).isIn(set.rawValue) }
}

/// What libnftnl allocates is nil only when the machine has no memory left, where Swift itself ends the program too.
func allocated(_ pointer: OpaquePointer?) -> OpaquePointer {
    guard let pointer else { preconditionFailure("out of memory") }
    return pointer
}
