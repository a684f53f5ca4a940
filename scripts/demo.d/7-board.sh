chapter "7. The board asks"
tell "How many AI systems do we have, which act on their own, over what, who answers, what is missing? The last lines say what nobody enforced: a report that leaves that out is an advertisement."
lines=200 holds 0 'What is NOT enforced' "audrey prints the sheet" as audrey reeve report board --brief
lines=1 holds 6 'none of the rights' "olivia, who owns them all, does not report on herself" as olivia reeve report board
board() { as audrey reeve report board --since 2026-01-01T00:00:00Z --json | sed 's/"made":"[^"]*"//'; }
again() { [ "$(board)" = "$(board)" ] && echo "the same"; }
holds 0 'the same' "asked again over the same records, it is the same, byte for byte" again
