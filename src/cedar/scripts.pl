#!/usr/bin/perl
# Writes the table of scripts that confusable.c reads, from perl's own Unicode data: for each range of code points the
# scripts it is used in (Script_Extensions, augmented as UTS 39 5.1 says), and which may stand in identifiers
# (Identifier_Status). Usage: scripts.pl >scripts.inc
use strict;
use warnings;
use Unicode::UCD qw(prop_invmap);

my ($from, $scripts) = prop_invmap('Script_Extensions');
my ($id_from, $id_status) = prop_invmap('Identifier_Status');
my %augmented = (Han => 'Hanb Jpan Kore', Hiragana => 'Jpan', Katakana => 'Jpan', Hangul => 'Kore', Bopomofo => 'Hanb');
my (%bit, %set, @sets);

sub set_of {
	my $names = ref $_[0] ? join(" ", @{$_[0]}) : $_[0];
	my %all;
	for my $name (split / /, $names) {
		$all{$name} = 1;
		$all{$_} = 1 for split / /, $augmented{$name} // '';
	}
	my $key = join ' ', sort keys %all;
	return $set{$key} if defined $set{$key};
	my @words = (0) x 3;
	for my $name (sort keys %all) {
		if ($name eq 'Common' || $name eq 'Inherited') {
			@words = (~0) x 3;
			next;
		}
		$bit{$name} = keys %bit unless defined $bit{$name};
		$words[$bit{$name} >> 6] |= 1 << ($bit{$name} & 63);
	}
	push @sets, sprintf "\t{ { 0x%xu, 0x%xu, 0x%xu } }, /* %s */", @words, $key;
	return $set{$key} = $#sets;
}

my @ranges = map { sprintf "\t{ 0x%x, %d },", $from->[$_], set_of($scripts->[$_]) } 0 .. $#$from;
die "more scripts than bits\n" if keys %bit > 192;
print "/* Made by scripts.pl. */\nstatic const struct script_set script_sets[] = {\n", join("\n", @sets), "\n};\n";
print "static const struct script_range script_ranges[] = {\n", join("\n", @ranges), "\n};\n";
print "/* Where what may stand in identifiers begins, and ends, by turns. */\nstatic const uint32_t identifier_ranges[] = {\n";
my $was = 0;
for my $i (0 .. $#$id_from) {
	my $is = $id_status->[$i] eq 'Allowed' ? 1 : 0;
	printf "\t0x%x,\n", $id_from->[$i] if $is != $was;
	$was = $is;
}
print "};\n";
