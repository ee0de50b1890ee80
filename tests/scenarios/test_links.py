"""Links that stand in for mounts where this machine allows none."""

import os

import pytest

from jobset.local.kubelet.directories import remove_tree, write_files
from jobset.local.kubelet.mounts import Links, MountRefused, remove_dead_links
from jobset.local.kubelet.volumes import VolumeFile
from jobset.local.processes.starter import Mount


def a_config_volume(path, text):
    write_files(str(path), [VolumeFile(path="d/key", data=text.encode())])
    return str(path)


def test_pods_share_a_link_to_equal_files_and_it_outlives_the_first(tmp_path):
    target = str(tmp_path / "made" / "conf")
    one, two = (a_config_volume(tmp_path / name, "same") for name in ("one", "two"))
    links = Links()

    links.make("pod-1", Mount(source=one, target=target))
    links.make("pod-2", Mount(source=two, target=target))
    links.release("pod-1")
    remove_tree(one)

    assert (tmp_path / "made" / "conf" / "d" / "key").read_text() == "same"
    links.release("pod-2")
    assert not os.path.lexists(tmp_path / "made")


def test_pods_with_different_files_cannot_share_a_link(tmp_path):
    target = str(tmp_path / "conf")
    links = Links()
    links.make("pod-1", Mount(source=a_config_volume(tmp_path / "one", "1"), target=target))

    with pytest.raises(MountRefused, match="already a link to another pod's volume"):
        links.make("pod-2", Mount(source=a_config_volume(tmp_path / "two", "2"), target=target))


def test_directories_that_programs_write_to_are_never_shared(tmp_path):
    target = str(tmp_path / "scratch")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    links = Links()
    links.make("pod-1", Mount(source=str(tmp_path / "one"), target=target))

    with pytest.raises(MountRefused):
        links.make("pod-2", Mount(source=str(tmp_path / "two"), target=target))


def test_what_exists_is_never_covered_unless_it_is_the_same_place(tmp_path):
    (tmp_path / "there").mkdir()
    links = Links()

    links.make("pod", Mount(source=str(tmp_path / "there"), target=str(tmp_path / "there")))
    with pytest.raises(MountRefused, match="exists on this machine"):
        links.make("pod", Mount(source=str(tmp_path), target=str(tmp_path / "there")))


def test_files_are_switched_all_at_once_and_only_when_something_changed(tmp_path):
    folder = tmp_path / "v"
    files = [VolumeFile(path="a", data=b"1"), VolumeFile(path="b/c", data=b"2", mode=0o600)]

    first, again = write_files(str(folder), files), write_files(str(folder), files)
    changed = write_files(str(folder), [VolumeFile(path="a", data=b"3")])

    assert (first, again, changed) == (True, False, True)
    assert (folder / "a").read_text() == "3"
    assert sorted(os.listdir(folder)) == ["..data", "..generation-2", "a"]


def test_links_of_a_killed_run_are_removed_by_its_record(tmp_path):
    record, source = tmp_path / "links", tmp_path / "source"
    source.mkdir()
    links = Links(record=str(record))
    for target in ("one/two/link", "changed"):
        links.make("pod", Mount(source=str(source), target=str(tmp_path / target)))
    (tmp_path / "changed").unlink()
    (tmp_path / "changed").symlink_to("/etc")

    remove_dead_links(str(record))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["changed", "source"]
