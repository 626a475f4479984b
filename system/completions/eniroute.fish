# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_eniroute_global_optspecs
    string join \n wait= json root= imds= config= v/verbose q/quiet h/help V/version
end

function __fish_eniroute_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_eniroute_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_eniroute_using_subcommand
    set -l cmd (__fish_eniroute_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c eniroute -n "__fish_eniroute_needs_command" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_needs_command" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_needs_command" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_needs_command" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_needs_command" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_needs_command" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_needs_command" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eniroute -n "__fish_eniroute_needs_command" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "apply" -d 'Configure every ENI, now and for the next boot'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "plan" -d 'Show what `apply` would do: `ip` commands and file diffs'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "status" -d 'Show each ENI: interface, table, private and public addresses, state'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "check" -d 'Say what is wrong, why, and what to do, with the proof of it'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "explain" -d 'Say what a finding means, or which way a packet takes, and its answer'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "remove" -d 'Take back all that eniroute did, and only that'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "egress" -d 'Look after the clients of `[[egress]]`'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "refresh" -d 'Follow what EC2 has changed; cheap and silent where nothing has'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "hotplug" -d 'Deal with an interface that has appeared, gone or changed'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "package" -d 'Do what a maintainer script of the .deb or the .rpm has to do'
complete -c eniroute -n "__fish_eniroute_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l eni -d 'Only this ENI: interface name, altname, MAC, eni-id, device number, private or public address (repeatable)' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l backend -d 'Write for this network stack, whatever is found on the host: netplan, network-scripts, network-manager, networkd, ifupdown, none' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l dry-run -d 'Only show what would be done (the same as `plan`)'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l force -d 'Go on although another tool (amazon-ec2-net-utils, nm-cloud-setup, cloud-netconfig) configures the ENIs'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l service -d 'As a service: where there is nothing to do (no EC2 instance, another tool in charge, metadata turned off), say so in one line and succeed'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l no-persist -d 'Leave the files alone: what is done is gone at the next boot'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l no-kernel -d 'Leave the kernel alone: only write the files'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand apply" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l eni -d 'Only this ENI: interface name, altname, MAC, eni-id, device number, private or public address (repeatable)' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l backend -d 'Write for this network stack, whatever is found on the host: netplan, network-scripts, network-manager, networkd, ifupdown, none' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l no-persist -d 'Leave the files alone: what is done is gone at the next boot'
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l no-kernel -d 'Leave the kernel alone: only write the files'
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l exit-code -d 'End with 5 where something would change'
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand plan" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -l eni -d 'Only this ENI: interface name, altname, MAC, eni-id, device number, private or public address (repeatable)' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -l metrics -d 'Print OpenMetrics text, for node_exporter\'s textfile collector'
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand status" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l baseline -d 'Only what is new since this earlier output of `check --json`' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l probe-url -d 'With --probe: ask this service from each address, too, which answers with the address that it sees; nothing else is ever sent out of the VPC' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l brief -d 'One line a finding'
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l strict -d 'Warnings end it with 3, too, as errors do'
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l probe -d 'Send real packets: a request to the metadata service from each address, and a datagram to each subnet\'s router'
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand check" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -l from -d 'The packet is from here to ADDRESS: from somewhere else, and arrives by the ENI that owns ADDRESS; or from this host. 0.0.0.0 or ::, of a program that chooses no address' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -l in -d 'The packet arrives by this interface; without `to` and --from, from the Internet' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand explain" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -l eni -d 'Only this ENI: interface name, altname, MAC, eni-id, device number, private or public address (repeatable)' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -l image -d 'Only what was made on another instance, of whose disk this one\'s is a copy (an AMI); else nothing. For the boot, before the network is up'
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -l no-kernel -d 'Leave the kernel alone: only the files go now, and all else at the next boot'
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand remove" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -f -a "drain" -d 'Give no new flow this address until the next `apply` or boot, and wait for those that have it: at most --wait, and 6 says that some are left'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -f -a "load" -d 'Load the nftables table of the last run, without asking anybody'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and not __fish_seen_subcommand_from drain load help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from drain" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from drain" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from drain" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from drain" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from drain" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from drain" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from drain" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from drain" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from load" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from load" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from load" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from load" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from load" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from load" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from load" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from load" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from load" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from help" -f -a "drain" -d 'Give no new flow this address until the next `apply` or boot, and wait for those that have it: at most --wait, and 6 says that some are left'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from help" -f -a "load" -d 'Load the nftables table of the last run, without asking anybody'
complete -c eniroute -n "__fish_eniroute_using_subcommand egress; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c eniroute -n "__fish_eniroute_using_subcommand refresh" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand refresh" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand refresh" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand refresh" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand refresh" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand refresh" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand refresh" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand refresh" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eniroute -n "__fish_eniroute_using_subcommand refresh" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -f -a "add" -d 'It has appeared: wait until EC2 has published its ENI (at most --wait), and configure it'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -f -a "remove" -d 'It is gone: forget every ENI whose interface is gone, whatever the metadata still says'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -f -a "change" -d 'Some interface has changed: repair what went down and up. Standard input is a netlink socket (RTNLGRP_LINK)'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and not __fish_seen_subcommand_from add remove change help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from add" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from add" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from add" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from add" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from add" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from remove" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from remove" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from remove" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from remove" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from remove" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from change" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from change" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from change" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from change" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from change" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from change" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from change" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from change" -s h -l help -d 'Print help'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from change" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from help" -f -a "add" -d 'It has appeared: wait until EC2 has published its ENI (at most --wait), and configure it'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from help" -f -a "remove" -d 'It is gone: forget every ENI whose interface is gone, whatever the metadata still says'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from help" -f -a "change" -d 'Some interface has changed: repair what went down and up. Standard input is a netlink socket (RTNLGRP_LINK)'
complete -c eniroute -n "__fish_eniroute_using_subcommand hotplug; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c eniroute -n "__fish_eniroute_using_subcommand package" -l wait -d 'Wait at most this long for the metadata service, and for another run to end' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand package" -l root -d 'Look for files, and write them, below this folder' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand package" -l imds -d 'Where the metadata service is, e.g. http://127.0.0.1:8080 [default: http://169.254.169.254, then http://[fd00:ec2::254]]' -r
complete -c eniroute -n "__fish_eniroute_using_subcommand package" -l config -d 'Configuration file [default: /etc/eniroute.toml, if it is there]' -r -F
complete -c eniroute -n "__fish_eniroute_using_subcommand package" -l json -d 'Print one JSON document instead of text'
complete -c eniroute -n "__fish_eniroute_using_subcommand package" -s v -l verbose -d 'Say more on stderr (-v: decisions and each change; -vv: each metadata request too)'
complete -c eniroute -n "__fish_eniroute_using_subcommand package" -s q -l quiet -d 'Say only what went wrong'
complete -c eniroute -n "__fish_eniroute_using_subcommand package" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eniroute -n "__fish_eniroute_using_subcommand package" -s V -l version -d 'Print version'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "apply" -d 'Configure every ENI, now and for the next boot'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "plan" -d 'Show what `apply` would do: `ip` commands and file diffs'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "status" -d 'Show each ENI: interface, table, private and public addresses, state'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "check" -d 'Say what is wrong, why, and what to do, with the proof of it'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "explain" -d 'Say what a finding means, or which way a packet takes, and its answer'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "remove" -d 'Take back all that eniroute did, and only that'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "egress" -d 'Look after the clients of `[[egress]]`'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "refresh" -d 'Follow what EC2 has changed; cheap and silent where nothing has'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "hotplug" -d 'Deal with an interface that has appeared, gone or changed'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "package" -d 'Do what a maintainer script of the .deb or the .rpm has to do'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and not __fish_seen_subcommand_from apply plan status check explain remove egress refresh hotplug package help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and __fish_seen_subcommand_from egress" -f -a "drain" -d 'Give no new flow this address until the next `apply` or boot, and wait for those that have it: at most --wait, and 6 says that some are left'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and __fish_seen_subcommand_from egress" -f -a "load" -d 'Load the nftables table of the last run, without asking anybody'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and __fish_seen_subcommand_from hotplug" -f -a "add" -d 'It has appeared: wait until EC2 has published its ENI (at most --wait), and configure it'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and __fish_seen_subcommand_from hotplug" -f -a "remove" -d 'It is gone: forget every ENI whose interface is gone, whatever the metadata still says'
complete -c eniroute -n "__fish_eniroute_using_subcommand help; and __fish_seen_subcommand_from hotplug" -f -a "change" -d 'Some interface has changed: repair what went down and up. Standard input is a netlink socket (RTNLGRP_LINK)'
