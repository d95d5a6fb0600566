"""The table as a whole: nothing twice, nothing without a place."""

from dataclasses import fields

from exporter.settings import Command, Settings, load
from exporter.settings.option import ENV_PREFIX
from exporter.settings.table import CONFIG_FILE, ROWS, SECTIONS, TITLES


def test_no_flag_variable_or_key_means_two_things() -> None:
    options = [CONFIG_FILE, *(row.option for row in ROWS)]
    for names in (
        [flag for option in options for flag in (option.flag, *option.aliases)],
        [option.environment for option in options],
        [option.yaml_key for option in options],
    ):
        assert len(names) == len(set(names)) >= len(options)


def test_variables_of_our_own_share_a_prefix_and_kernels_keep_their_names() -> None:
    theirs = {"KERNEL_API_KEY", "KERNEL_API_KEY_FILE", "KERNEL_BASE_URL"}
    for row in ROWS:
        name = row.option.environment
        assert name in theirs or name.startswith(ENV_PREFIX)


def test_every_section_has_a_title_and_its_fields_are_the_rows() -> None:
    assert list(TITLES) == list(SECTIONS) == [section.name for section in fields(Settings)]
    assert len(ROWS) == sum(len(fields(cls)) for cls in SECTIONS.values())


def test_every_default_passes_its_own_check() -> None:
    for command in Command:
        settings = load(command, {}, {"KERNEL_API_KEY": "k"})
        for row in ROWS:
            value = getattr(getattr(settings, row.section), row.name)
            default = row.option.default_for(command)
            assert (default is None) == (value in (None, ())) or row.name == "api_key"
